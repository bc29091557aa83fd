"""HTTPS: with a certificate of one's own or of the page's own, under the same bounds as HTTP."""

from __future__ import annotations

import datetime
import hashlib
import http.client
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from streamvision.core.errors import ConfigError
from streamvision.web import connections, open_connections
from streamvision.web import server as web_server
from streamvision.web.certificate import Certificate, CertificateFiles
from streamvision.web.self_signed import self_signed
from streamvision.web.server import WebServer
from support.live_feed import LiveFeed
from support.web_client import TIMEOUT_S, eventually, read_part

x509 = pytest.importorskip("cryptography.x509", reason="cryptography is not installed")


def pair(folder: Path, name: str = "own") -> CertificateFiles:
    """Return certificate and key as openssl makes them."""
    files = CertificateFiles(folder / f"{name}.pem", folder / f"{name}.key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
         "30", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", files.key, "-out",
         files.certificate],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    return pair(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def https(feed: LiveFeed, files: CertificateFiles) -> Iterator[WebServer]:
    server = WebServer(feed.view, port=0, certificate=Certificate(lambda: files))
    server.start()
    yield server
    server.stop()


def client(server: WebServer, trusted: Path | None) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=trusted)
    return http.client.HTTPSConnection("127.0.0.1", server.port, timeout=TIMEOUT_S, context=context)


def served_certificate(port: int) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as plain, context.wrap_socket(plain) as secure:
        return secure.getpeercert(True) or b""


def test_page_and_pictures_come_over_tls(https: WebServer, files: CertificateFiles) -> None:
    assert https.url == f"https://127.0.0.1:{https.port}/"
    connection = client(https, files.certificate)
    for _ in range(2):
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b'{"alive":true}\n'
    connection.request("GET", "/streams/gate/mjpeg")
    response = connection.getresponse()
    assert len({read_part(response) for _ in range(5)}) == 5
    response.close()
    connection.close()
    assert eventually(lambda: https.fanout.connections == 0)


def test_a_request_right_behind_the_handshake_is_read(https: WebServer) -> None:
    """Its bytes may come before HTTP listens."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    secure = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", https.port), TIMEOUT_S) as plain:
        while True:
            try:
                secure.do_handshake()
                break
            except ssl.SSLWantReadError:
                plain.sendall(outgoing.read())
                incoming.write(plain.recv(65536))
        secure.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        plain.sendall(outgoing.read())  # the client's last word of the handshake and the request, in one piece
        received = b""
        while b"alive" not in received:
            try:
                received += secure.read()
            except ssl.SSLWantReadError:
                data = plain.recv(65536)
                assert data, received
                incoming.write(data)


def test_versions_before_1_2_are_refused(https: WebServer) -> None:
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{https.port}", "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"],
        capture_output=True, input=b"", timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode != 0 and b"Cipher is (NONE)" in done.stdout


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00"])
def test_a_handshake_has_a_deadline(
    feed: LiveFeed, files: CertificateFiles, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(connections, "HEADER_S", 0.5)
    server = WebServer(feed.view, port=0, certificate=Certificate(lambda: files))
    server.start()
    try:
        with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as half_open:
            half_open.sendall(said)
            while half_open.recv(1000):
                pass
    except ConnectionResetError:
        pass
    finally:
        server.stop()


def test_two_hundred_half_open_handshakes_shut_nobody_out(https: WebServer, files: CertificateFiles) -> None:
    silent = [socket.create_connection(("127.0.0.1", https.port), TIMEOUT_S) for _ in range(64)]
    time.sleep(open_connections.SILENT_S + 0.2)
    silent += [socket.create_connection(("127.0.0.1", https.port), TIMEOUT_S) for _ in range(136)]
    try:
        connection = client(https, files.certificate)
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
        assert eventually(lambda: _is_closed(silent[0])), "the oldest of one address made room"
    finally:
        for one in silent:
            one.close()


def _is_closed(sock: socket.socket) -> bool:
    sock.setblocking(False)
    try:
        return sock.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_a_viewer_over_tls_that_takes_nothing_is_evicted(files: CertificateFiles) -> None:
    context = ssl.create_default_context(cafile=files.certificate)
    with LiveFeed("gate", width_px=1280, height_px=720, grain=60) as feed, socket.socket() as plain:
        server = WebServer(feed.view, port=0, eviction_s=1.5, certificate=Certificate(lambda: files))
        server.start()
        try:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            plain.settimeout(TIMEOUT_S)
            plain.connect(("127.0.0.1", server.port))
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                path = "/streams/gate/mjpeg?adapt=0"  # smaller pictures fill the way slowly
                secure.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                assert eventually(lambda: feed["gate"].channel.viewers == 1)
                assert eventually(lambda: bool(server.fanout.evicted))
                assert eventually(lambda: feed["gate"].channel.viewers == 0)
        finally:
            server.stop()


def test_stop_ends_handshakes_and_responses(feed: LiveFeed, files: CertificateFiles) -> None:
    server = WebServer(feed.view, port=0, certificate=Certificate(lambda: files))
    server.start()
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as half_open:
        connection = client(server, files.certificate)
        connection.request("GET", "/streams/gate/mjpeg")
        response = connection.getresponse()
        read_part(response)
        server.stop()
        with suppress(http.client.IncompleteRead):  # what it has not read is given up after half a second
            response.read()
        response.close()
        assert half_open.recv(10) == b""


def test_files_that_were_renewed_are_used_and_bad_ones_are_not(
    feed: LiveFeed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(web_server, "CERTIFICATE_S", 0.1)
    files, other = pair(tmp_path, "first"), pair(tmp_path, "second")
    server = WebServer(feed.view, port=0, certificate=Certificate(lambda: files))
    server.start()
    try:
        first = served_certificate(server.port)
        files.certificate.write_text("nothing")
        assert eventually(lambda: "cannot be used" in caplog.text)
        assert served_certificate(server.port) == first
        other.key.replace(files.key)
        other.certificate.replace(files.certificate)
        assert eventually(lambda: served_certificate(server.port) != first)
    finally:
        server.stop()


class TestFilesThatCannotBeUsed:
    def sentence(self, files: CertificateFiles) -> str:
        with pytest.raises(ConfigError) as caught:
            Certificate(lambda: files)
        return str(caught.value)

    def test_absent(self, files: CertificateFiles, tmp_path: Path) -> None:
        assert "cannot be read: No such file" in self.sentence(CertificateFiles(files.certificate, tmp_path / "k"))

    def test_swapped(self, files: CertificateFiles) -> None:
        assert "holds no certificate in PEM form" in self.sentence(CertificateFiles(files.key, files.certificate))

    def test_of_two_pairs(self, files: CertificateFiles, tmp_path: Path) -> None:
        other = pair(tmp_path)
        assert "does not belong to" in self.sentence(CertificateFiles(files.certificate, other.key))

    def test_with_a_password(self, files: CertificateFiles, tmp_path: Path) -> None:
        locked = tmp_path / "locked.key"
        subprocess.run(
            ["openssl", "pkey", "-in", files.key, "-aes256", "-passout", "pass:secret", "-out", locked],
            check=True, timeout=60,
        )  # fmt: skip
        assert "has a password" in self.sentence(CertificateFiles(files.certificate, locked))

    def test_damaged(self, files: CertificateFiles, tmp_path: Path) -> None:
        damaged = tmp_path / "damaged.pem"
        text = files.certificate.read_text()
        damaged.write_text(text[:100] + "AAAAAAAA" + text[108:])
        assert "cannot be used" in self.sentence(CertificateFiles(damaged, files.key))


class TestSelfSigned:
    def load(self, folder: Path) -> x509.Certificate:
        return x509.load_pem_x509_certificate((folder / "tls" / "self-signed.pem").read_bytes())

    def test_it_is_kept_for_its_owner_alone_and_browsers_take_its_names(self, feed: LiveFeed, tmp_path: Path) -> None:
        certificate = Certificate(lambda: self_signed(tmp_path, ["cams.example", "192.0.2.7"]))
        file = tmp_path / "tls" / "self-signed.pem"
        assert file.stat().st_mode & 0o777 == 0o600
        assert Certificate(lambda: self_signed(tmp_path)).fingerprint == certificate.fingerprint, "it is kept"
        server = WebServer(feed.view, port=0, certificate=certificate)
        server.start()
        try:
            digest = hashlib.sha256(served_certificate(server.port)).digest().hex(":").upper()
            assert digest == certificate.fingerprint
            connection = client(server, file)  # trusted, and 127.0.0.1 is one of its names
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
        finally:
            server.stop()

    def test_a_new_name_asks_for_a_new_one_with_the_same_key(self, tmp_path: Path) -> None:
        self_signed(tmp_path)
        first = self.load(tmp_path)
        self_signed(tmp_path, ["cams.example"])
        second = self.load(tmp_path)
        assert first.serial_number != second.serial_number
        assert first.public_key() == second.public_key()

    def test_it_is_renewed_before_it_ends(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("streamvision.web.self_signed.VALID_DAYS", 20)
        self_signed(tmp_path)
        ending = self.load(tmp_path)
        monkeypatch.undo()
        self_signed(tmp_path)
        renewed = self.load(tmp_path)
        assert renewed.not_valid_after_utc - ending.not_valid_after_utc > datetime.timedelta(days=500)

    def test_a_damaged_one_is_made_again(self, tmp_path: Path) -> None:
        self_signed(tmp_path)
        (tmp_path / "tls" / "self-signed.pem").write_text("cut")
        self_signed(tmp_path)
        assert self.load(tmp_path).serial_number
