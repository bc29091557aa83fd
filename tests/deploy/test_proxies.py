"""The examples of nginx and Caddy in front of a real ``streamvision serve``: pages, live pictures, events, sockets."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin

import pytest

from support.accounts import people
from support.dockerfiles import DOCKERFILES, health_command
from support.proxies import NAME, Proxy, caddy, nginx
from support.serve_process import Process, serve
from support.serving import until, write_config
from support.tiny_detector import tiny_detector
from support.web_client import TIMEOUT_S, read_event, read_part
from support.websocket_client import ACCEPT, WebSocketClient


class Behind(NamedTuple):
    """A service, and with what a request to it is ann's."""

    process: Process
    known: dict[str, str]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    """A service that takes the word of a proxy on this machine, and would take it for who has signed in."""
    folder = tmp_path_factory.mktemp("service")
    file = write_config(
        folder / "cameras.yaml",
        tiny_detector(folder / "tiny.onnx"),
        {"id": "gate", "source": "synthetic:boxes?fps=5&size=160x120"},
        serve={
            "host_names": [NAME],
            "proxy": {"trusted": ["127.0.0.1"], "user_header": "X-Remote-User"},
        },
    )
    with people(folder / "state") as known:
        token = known.headers("ann")
    with serve("--config", file, "--state", folder / "state") as running:
        yield Behind(running, token)


@pytest.fixture(scope="module", params=["nginx", "nginx under a path", "caddy"])
def proxy(
    request: pytest.FixtureRequest, service: Behind, project_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    folder, deploy = tmp_path_factory.mktemp("proxy"), project_root / "deploy"
    if request.param == "caddy":
        with caddy(deploy, service.process.port, folder) as running:
            yield ready(running, service)
    else:
        pytest.importorskip("cryptography", reason="cryptography is not installed")
        with nginx(deploy, service.process.port, folder, path="/" if request.param == "nginx" else "/cams/") as running:
            yield ready(running, service)


def ready(proxy: Proxy, service: Behind) -> Proxy:
    """Return a proxy behind which the stream has begun."""
    until(lambda: ask(proxy, "streams/gate", **service.known).status == 200, "the stream is there")
    return proxy


def ask(proxy: Proxy, path: str, **headers: str) -> http.client.HTTPResponse:
    """Ask over HTTPS, by the name of the page and with its certificate checked."""
    connection = http.client.HTTPSConnection("127.0.0.1", proxy.port, timeout=TIMEOUT_S)
    plain = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=TIMEOUT_S)
    plain.connect()
    connection.sock = proxy.trust.wrap_socket(plain.sock, server_hostname=proxy.name)
    fields = {
        "Host": f"{proxy.name}:{proxy.port}",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    connection.request("GET", urljoin(proxy.path, path), headers=fields)
    return connection.getresponse()


def test_every_link_of_the_page_leads_somewhere(proxy: Proxy, service: Behind) -> None:
    shown = ask(proxy, "streams/gate", **service.known)
    page = shown.read().decode()
    assert shown.status == 200
    links = {link.replace("&amp;", "&") for link in re.findall(r'(?:href|src)="([^"#]+)"', page)}
    assert len(links) > 5
    for link in links:
        address = urljoin(f"{proxy.path}streams/gate", link)
        assert address.startswith(proxy.path), link
        if "mjpeg" not in address and "logout" not in address:
            assert ask(proxy, address, **service.known).status == 200, address


def test_live_pictures_and_events_come_piece_by_piece(proxy: Proxy, service: Behind) -> None:
    pictures = ask(proxy, "streams/gate/mjpeg", **service.known)
    assert len({read_part(pictures) for _ in range(3)}) == 3
    pictures.close()
    events = ask(proxy, "api/events", **service.known)
    assert read_event(events)[0] == "status"
    events.close()


def test_live_video_comes_over_a_websocket(proxy: Proxy, service: Behind) -> None:
    path = f"{proxy.path}api/live?streams=gate&layer=h264"
    host = f"{proxy.name}:{proxy.port}"
    told = {"Host": host, "Origin": f"https://{host}", **service.known}
    with WebSocketClient(proxy.port, path, tls=proxy.trust, name=proxy.name, **told) as client:
        assert (client.status, client.headers["sec-websocket-accept"]) == (101, ACCEPT)
        while "packet" not in client.record()[0]:
            pass  # what stands before the first packet: heartbeats, the format


def test_what_a_client_says_of_itself_is_not_passed_on(proxy: Proxy, service: Behind) -> None:
    assert ask(proxy, "api/me", X_Remote_User="ann").status == 401
    lies = {"X_Forwarded_Prefix": "/evil", "X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "http"}
    page = ask(proxy, "", **lies, **service.known)
    assert page.status == 200 and "evil" not in page.read().decode()
    connection = http.client.HTTPConnection("127.0.0.1", service.process.port, timeout=TIMEOUT_S)
    connection.request("GET", "/api/me", headers={"X-Remote-User": "ann"})
    assert json.loads(connection.getresponse().read())["user"] == "ann", "it would be taken if it were passed on"


def test_plain_http_leads_to_https(proxy: Proxy) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.plain_port, timeout=TIMEOUT_S)
    connection.request("GET", "/streams/gate", headers={"Host": proxy.name})
    answer = connection.getresponse()
    assert answer.status in (301, 308)
    assert (answer.getheader("Location") or "").startswith(f"https://{proxy.name}")


def test_the_health_command_of_the_images_finds_the_server(service: Behind) -> None:
    for dockerfile in DOCKERFILES:
        command = [sys.executable, *health_command(dockerfile, port=service.process.port)[1:]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
