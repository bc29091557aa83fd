"""Passwords, redirects, certificates and web pages: what stands between an HTTP address and its pictures."""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from pipelines.capture.http.client import HttpClient
from streamvision.core.redaction import redact
from support.capturing import capturing, take, wait_until
from support.odd_http_camera import MULTIPART, Habit, OddHttpCamera, Request, check_digest, picture, snapshots


@pytest.mark.parametrize(
    "challenges",
    [
        ['Basic realm="cam"'],
        ['Digest realm="cam", nonce="abc", qop="auth"'],
        ['Digest realm="cam", nonce="abc"'],
        ['Digest realm="a, b=c", nonce="abc", qop="auth,auth-int", opaque="x=y", algorithm=MD5'],
        ['digest realm="cam",nonce="abc",qop=auth,algorithm=md5-sess'],
        ['Digest realm="cam", nonce="abc", qop="auth", algorithm=SHA-256'],
        ['Basic realm="cam"', 'Digest realm="cam", nonce="abc", qop="auth"'],
        ['Basic realm="cam", Digest realm="cam", nonce="abc", qop="auth"'],
    ],
)
def test_passwords_work_and_are_never_shown(challenges: list[str], caplog: pytest.LogCaptureFixture) -> None:
    password = "p@ss/1:#é"

    def guarded(request: Request) -> None:
        given = request.headers.get("Authorization", "")
        basic = f"Basic {base64.b64encode(f'bob:{password}'.encode()).decode()}"
        allows_basic = all(challenge.startswith("Basic") and "Digest" not in challenge for challenge in challenges)
        if (allows_basic and given == basic) or check_digest(given, "bob", password, request.path):
            request.stream()
        else:
            request.answer(401, "text/html", b"no", *[("WWW-Authenticate", text) for text in challenges])

    caplog.set_level("DEBUG")
    with OddHttpCamera({"/video.cgi": guarded}) as camera:
        with capturing(f"http://bob:p%40ss%2F1%3A%23%C3%A9@{camera.address}/video.cgi?q=a%20b&x=1") as capture:
            assert len(take(capture, 2)) == 2
        camera.requests.clear()
        with capturing(f"http://bob:hunter2@{camera.address}/video.cgi") as capture:
            assert take(capture) == []
        assert [bool(request.headers.get("Authorization")) for request in camera.requests] == [False, True]
    assert capture.failure is not None
    assert "refuses the user name or password" in capture.failure
    assert "hunter2" not in capture.failure + caplog.text
    assert "p@ss" not in caplog.text


@pytest.mark.parametrize("status", [401, 403])
def test_a_page_that_wants_a_password_where_none_is_given_says_so(status: int) -> None:
    with (
        OddHttpCamera({"/video.cgi": lambda request: request.answer(status, "text/html", b"no")}) as camera,
        capturing(f"http://{camera.address}/video.cgi") as capture,
    ):
        assert take(capture) == []
    assert capture.failure is not None
    assert "lets nobody in without a user name and password" in capture.failure
    assert redact(capture.failure) == capture.failure, "an example that looks like a secret would be hidden"
    assert "refuses the user name" not in capture.failure


def test_a_nonce_that_expires_is_renewed() -> None:
    nonces = iter(f"nonce{number}" for number in range(100))
    current = [next(nonces)]
    habit, _ = snapshots()
    uses = [0]

    def guarded(request: Request) -> None:
        given = request.headers.get("Authorization", "")
        if f'nonce="{current[0]}"' in given and check_digest(given, "bob", "pw", request.path) and uses[0] < 3:
            uses[0] += 1
            habit(request)
            return
        uses[0], current[0] = 0, next(nonces)
        request.answer(
            401, "text/html", b"", ("WWW-Authenticate", f'Digest realm="c", nonce="{current[0]}", qop="auth"')
        )

    with (
        OddHttpCamera({"/snap.jpg": guarded}) as camera,
        capturing(f"http://bob:pw@{camera.address}/snap.jpg", snapshot_fps=30) as capture,
    ):
        assert len(take(capture, 8)) == 8
        assert capture.reconnects == 0
        refused = sum("Authorization" not in request.headers for request in camera.requests)
        assert refused == 1, "the answer to the first challenge is kept"


def test_redirects_are_followed_without_giving_the_password_away() -> None:
    with OddHttpCamera({"/video": lambda request: request.stream()}) as other:
        seen: list[str | None] = []

        def target(request: Request) -> None:
            seen.append(request.headers.get("Authorization"))
            request.stream()

        other.habits["/video"] = target
        elsewhere = other.address.replace("127.0.0.1", "localhost")
        habits: dict[str, Habit] = {
            "/moved": lambda r: r.answer(302, "text/html", b"", ("Location", "/here?a=1")),
            "/here": lambda r: r.answer(307, "text/html", b"", ("Location", f"http://{elsewhere}/video")),
            "/port": lambda r: r.answer(302, "text/html", b"", ("Location", f"http://{other.address}/video")),
            "/round": lambda r: r.answer(302, "text/html", b"", ("Location", "/round")),
            "/nowhere": lambda r: r.answer(302, "text/html", b"", ("Location", "http://bob:secret@[::x/")),
            "/rtsp": lambda r: r.answer(302, "text/html", b"", ("Location", "rtsp://bob:pw@cam/live")),
        }
        with OddHttpCamera(habits) as camera:
            for path in ("moved", "port"):
                with capturing(f"http://bob:pw@{camera.address}/{path}") as capture:
                    assert len(take(capture, 2)) == 2
            for path, words in (("round", "circle of"), ("rtsp", "leads to rtsp://"), ("nowhere", "cannot be read")):
                with capturing(f"http://{camera.address}/{path}") as capture:
                    wait_until(lambda: capture.reconnects >= 1)
                    assert words in capture.state.snapshot()[1]
                    assert "secret" not in capture.state.snapshot()[1]
        assert seen == [None, None]


@pytest.mark.parametrize(
    ("given", "leads_to", "is_told"),
    [
        ("http://cam", "http://cam:80/x", True),
        ("http://CAM", "https://cam/x", True),
        ("http://cam", "https://cam:444/x", False),
        ("http://cam:8080", "https://cam/x", False),
        ("https://cam", "http://cam/x", False),
        ("https://cam", "https://cam:8443/x", False),
        ("http://cam:8080", "http://cam:8081/x", False),
        ("http://cam", "http://cam.evil/x", False),
    ],
)
def test_a_password_is_for_one_server(given: str, leads_to: str, is_told: bool) -> None:
    assert HttpClient(given.replace("://", "://bob:pw@")).trusts(leads_to) is is_told
    assert not HttpClient(given).trusts(leads_to)


def test_chunks_that_are_none_are_said() -> None:
    def unchunked(request: Request) -> None:
        request.head(MULTIPART + "frame", ("Transfer-Encoding", "chunked"))
        request.wfile.write(b"--frame\r\n\r\n" + picture(1))

    with OddHttpCamera({"/": unchunked}) as camera, capturing(f"http://{camera.address}/") as capture:
        wait_until(lambda: capture.reconnects >= 1)
        assert "answers without a picture" in capture.state.snapshot()[1]


@pytest.mark.parametrize(
    "habit",
    [
        lambda r: r.answer(200, "text/html; charset=utf-8", b"<html><body>Log in</body></html>"),
        lambda r: r.answer(200, "text/plain", b"\r\n<!DOCTYPE html>\n<title>Camera</title>"),
        lambda r: r.answer(302, "text/html", b"", ("Location", "/login")),
    ],
)
@pytest.mark.parametrize("path", ["", "live.m3u8"])
def test_a_web_page_is_called_one(habit: Habit, path: str) -> None:
    habits = {f"/{path}": habit, "/login": lambda r: r.answer(200, "text/html", b"<html>")}
    with OddHttpCamera(habits) as camera, capturing(f"http://{camera.address}/{path}") as capture:
        assert take(capture) == []
    assert capture.failure is not None
    assert "is a web page; give the address of the picture or stream itself" in capture.failure


def test_a_certificate_of_the_cameras_own_is_taken(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the test's certificate: apt-get install openssl")
    certificate = tmp_path / "camera.pem"
    made = tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=camera", "-days", "2"]
    subprocess.run([*command, "-keyout", certificate, "-out", made], check=True, capture_output=True)
    certificate.write_bytes(certificate.read_bytes() + made.read_bytes())
    with (
        OddHttpCamera({"/video": partial(Request.stream)}, certificate=certificate) as camera,
        capturing(f"https://{camera.address}/video") as capture,
    ):
        assert len(take(capture, 3)) == 3


def test_what_does_not_speak_http_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        threading.Thread(target=greet, daemon=True).start()
        with capturing(f"http://127.0.0.1:{server.getsockname()[1]}/") as capture:
            wait_until(lambda: capture.reconnects >= 1)
            assert "does not speak HTTP" in capture.state.snapshot()[1]


def test_headers_that_trickle_in_are_given_up() -> None:
    def trickle(request: Request) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(100):
            request.wfile.write(b"X-%d: y\r\n" % number)
            time.sleep(0.2)

    with (
        OddHttpCamera({"/": trickle}) as camera,
        capturing(f"http://{camera.address}/", open_timeout_s=1.0) as capture,
    ):
        wait_until(lambda: capture.reconnects >= 1, timeout_s=8)
        assert "did not answer within 1 s" in capture.state.snapshot()[1]


def test_a_name_that_cannot_be_looked_up_is_said() -> None:
    with capturing("http://no-such-camera.invalid/video") as capture:
        wait_until(lambda: capture.reconnects >= 1)
        assert "host 'no-such-camera.invalid' cannot be looked up (DNS)" in capture.state.snapshot()[1]
