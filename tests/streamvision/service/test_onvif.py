"""ONVIF: cameras are found and asked, and one that is hostile does no harm."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from streamvision.cli.probe import probe
from streamvision.core.control import OnvifDevice
from streamvision.core.errors import ConfigError, MissingDependencyError, SourceError, SourceRefusedError
from streamvision.service import onvif, onvif_discovery
from streamvision.service.onvif import Onvif
from streamvision.service.onvif_discovery import devices_of, discover
from streamvision.web.server import WebServer
from support.live_feed import LiveFeed
from support.virtual_onvif_camera import PASSWORD, USER, virtual_camera
from support.web_client import get_json, post_json

pytest.importorskip("onvif")
QUOTED = "root:p%40ss%2Fw%3Aord"


@pytest.fixture(scope="module")
def camera() -> Iterator[int]:
    pytest.importorskip("ipycam")
    with virtual_camera() as port:
        yield port


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait longer than people would, for machines that are busy."""
    monkeypatch.setattr(onvif, "TIMEOUT_S", 120.0)


@pytest.fixture
def on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for cameras on this machine alone."""
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(socket.if_nametoindex("lo"), "lo")])


def test_a_camera_of_this_network_is_found(on_this_machine: None) -> None:
    pytest.importorskip("ipycam")
    with virtual_camera(discoverable=True) as port:
        assert discover(1.5) == [OnvifDevice(f"http://127.0.0.1:{port}/onvif/device_service", "Gate", "")]


def test_its_streams_are_told_with_user_and_password(camera: int) -> None:
    main, sub = Onvif().profiles(f"http://127.0.0.1:{camera}/onvif/device_service", USER, PASSWORD)
    assert main.source == f"rtsp://{QUOTED}@127.0.0.1:8554/video_main"
    assert sub.source == f"rtsp://{QUOTED}@127.0.0.1:8554/video_sub"
    assert (main.name, main.width_px, main.height_px, main.fps) == ("MainStream", 1920, 1080, 25)
    assert (sub.width_px, sub.height_px) == (640, 360)


def test_the_password_goes_to_the_machine_that_was_asked_alone() -> None:
    pytest.importorskip("ipycam")
    with virtual_camera(local_ip="127.0.0.9") as port:  # as behind NAT, or as one that lies
        main, _ = Onvif().profiles(f"127.0.0.1:{port}", USER, PASSWORD)
    assert main.source.startswith(f"rtsp://{QUOTED}@127.0.0.1:8554/")


def test_a_wrong_password_is_said(camera: int) -> None:
    with pytest.raises(SourceRefusedError, match="refuses this user name and password") as caught:
        Onvif().profiles(f"127.0.0.1:{camera}", USER, "secret-word")
    assert "secret-word" not in str(caught.value)


@pytest.mark.parametrize("address", ["", "://", "ftp://camera", "file:///etc/passwd", "user:pw@camera", "camera:port"])
def test_what_is_no_address_is_one_sentence(address: str) -> None:
    with pytest.raises(ConfigError, match="is no address of a camera"):
        Onvif().profiles(address, "", "")


def test_nobody_there_is_one_sentence() -> None:
    with closed_port() as port, pytest.raises(SourceError, match=rf"127\.0\.0\.1:{port} cannot be asked"):
        Onvif().profiles(f"127.0.0.1:{port}", USER, PASSWORD)


@contextmanager
def closed_port() -> Iterator[int]:
    """Give a port whose digits are those of a refusal, kept, so that no other process listens there meanwhile."""
    for port in (40_100, 40_147, 14_010, 44_401):
        with socket.socket() as silent:
            try:
                silent.bind(("127.0.0.1", port))
            except OSError:
                continue
            yield port
            return
    pytest.skip("all ports with 401 in them are taken")


def test_without_the_library_the_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onvif, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'streamvision-edge\[onvif\]'"):
        Onvif().profiles("127.0.0.1", "", "")


Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def answering(answer: Answer) -> Iterator[tuple[int, list[str]]]:
    """Answer each request so; give the port and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, asked
        server.shutdown()


def _reply(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/soap+xml")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _entities(handler: BaseHTTPRequestHandler) -> None:
    declared = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    _reply(handler, f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e0 "x">{declared}]><a>&e11;</a>'.encode())


def _endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(40_000):
            handler.wfile.write(bytes(65536))
    except OSError:
        pass


def _nonsense(handler: BaseHTTPRequestHandler) -> None:
    _reply(handler, b"<html>\xff\x00 no camera</html>")


@pytest.mark.parametrize("answer", [_entities, _endless, _nonsense])
def test_a_hostile_answer_is_one_sentence_in_bounded_time(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onvif, "TIMEOUT_S", 10.0)
    begin_s = time.monotonic()
    with answering(answer) as (port, _), pytest.raises(SourceError) as caught:
        Onvif().profiles(f"127.0.0.1:{port}", USER, PASSWORD)
    assert time.monotonic() - begin_s < 60
    assert "\n" not in str(caught.value) and PASSWORD not in str(caught.value)


def test_a_redirection_to_another_machine_is_not_followed() -> None:
    with answering(_nonsense) as (other, asked):

        def redirect(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(307)
            handler.send_header("Location", f"http://127.0.0.1:{other}/inside")
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        with answering(redirect) as (port, _), pytest.raises(SourceError):
            Onvif().profiles(f"127.0.0.1:{port}", USER, PASSWORD)
        assert asked == []


def _probe_match(addresses: str, scopes: str = "") -> bytes:
    return f"""<?xml version="1.0"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"
        xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><e:Body><d:ProbeMatches><d:ProbeMatch>
        <d:Types>dn:NetworkVideoTransmitter</d:Types><d:Scopes>{scopes}</d:Scopes><d:XAddrs>{addresses}</d:XAddrs>
        </d:ProbeMatch></d:ProbeMatches></e:Body></e:Envelope>""".encode()


def test_of_several_addresses_the_one_that_answered_counts() -> None:
    answer = _probe_match(
        "http://[fe80::1]/onvif/device_service http://192.168.1.7:8000/onvif/device_service",
        "onvif://www.onvif.org/name/HIKVISION%20DS-2CD onvif://www.onvif.org/hardware/DS-2CD2042",
    )
    expected = OnvifDevice("http://192.168.1.7:8000/onvif/device_service", "HIKVISION DS-2CD", "DS-2CD2042")
    assert list(devices_of(answer, "192.168.1.7")) == [expected]


@pytest.mark.parametrize(
    "content",
    [
        _probe_match("http://10.0.0.1/admin"),
        _probe_match("file:///etc/passwd http://[ http://192.168.1.7:99999/"),
        b"\xff\xfe\x00",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b"<a>" * 100_000,
        b"",
    ],
)
def test_an_answer_that_points_elsewhere_or_is_none_is_passed_over(content: bytes) -> None:
    assert list(devices_of(content, "192.168.1.7")) == []


def test_a_flood_of_answers_has_an_end(on_this_machine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onvif_discovery, "MAX_DEVICES", 5)
    monkeypatch.setattr(
        onvif_discovery,
        "_answers",
        lambda *_: ((_probe_match(f"http://127.0.0.1:{port}/"), "127.0.0.1") for port in range(1, 100)),
    )
    assert len(discover()) == 5


def test_the_api_asks_for_administrators(camera: int, on_this_machine: None) -> None:
    feed = LiveFeed("gate")
    feed.view.onvif = Onvif()
    server = WebServer(feed.view, port=0)
    server.start()
    try:
        asked = {"address": f"127.0.0.1:{camera}", "user": USER, "password": PASSWORD}
        status, body = post_json(server.port, "/api/onvif/profiles", asked)
        assert status == 200 and [one["name"] for one in body["profiles"]] == ["MainStream", "SubStream"]
        status, body = post_json(server.port, "/api/onvif/profiles", {"address": 7})
        assert status == 400 and "password" in body["error"]
        status, body = post_json(server.port, "/api/onvif/profiles", {"address": "ftp://x"})
        assert status == 400 and "is no address of a camera" in body["error"]
        status, body = get_json(server.port, "/api/onvif/discover")
        assert status == 200 and body == {"devices": []}
    finally:
        server.stop()


def test_the_command_lists_streams_and_cameras(camera: int, on_this_machine: None) -> None:
    listed = CliRunner().invoke(probe, [f"onvif://{QUOTED}@127.0.0.1:{camera}"])
    assert listed.exit_code == 0, listed.output
    assert listed.output.splitlines()[0] == f"rtsp://{QUOTED}@127.0.0.1:8554/video_main  MainStream, 1920x1080, 25 fps"
    assert "nothing has answered" in CliRunner().invoke(probe, ["onvif://"]).output
