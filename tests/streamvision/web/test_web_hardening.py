"""Who is answered, and what every response promises to browsers."""

from __future__ import annotations

import http.client
import socket

import pytest

from streamvision.web.server import WebServer
from support.live_feed import LiveFeed
from support.web_client import get


def _asked_as(port: int, host: str, path: str = "/api/streams") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.putrequest("GET", path, skip_host=True)
        connection.putheader("Host", host)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8080", "127.0.0.1", "192.168.1.20:80", "[::1]:80", "cams.localhost", socket.gethostname()],
)
def test_addresses_and_own_names_are_answered(server: WebServer, host: str) -> None:
    assert _asked_as(server.port, host)[0] == 200


@pytest.mark.parametrize("path", ["/", "/api/streams", "/streams/gate/mjpeg", "/api/events", "/metrics"])
def test_a_name_that_was_made_to_point_here_is_not(server: WebServer, path: str) -> None:
    status, body = _asked_as(server.port, "evil.example", path)
    assert status == 421 and "'evil.example'" in body and "serve.host_names" in body
    assert server.fanout.connections == 0


def test_a_configured_name_is_answered(feed: LiveFeed, serve) -> None:
    server = serve(feed, host_names=("Cams.Example.org",))
    assert _asked_as(server.port, "cams.example.org:443")[0] == 200
    assert _asked_as(server.port, "example.org")[0] == 421


@pytest.mark.parametrize("host", ["", "a@b", "a/b", "a:b:c", "[::1"])
def test_a_host_that_is_none_is_refused(server: WebServer, host: str) -> None:
    assert _asked_as(server.port, host)[0] == 400


@pytest.mark.parametrize("path", ["/", "/api/streams", "/streams/gate/snapshot.jpg", "/static/app.js", "/nowhere"])
def test_nobody_frames_or_embeds_it_and_no_version_is_told(server: WebServer, path: str) -> None:
    _, headers, _ = get(server.port, path)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Server"] is None


@pytest.mark.parametrize("path", ["/api/events", "/api/live", "/streams/gate/mjpeg", "/streams/gate/snapshot.jpg"])
@pytest.mark.parametrize("how", [("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe")])
def test_another_sites_page_loads_nothing_and_takes_no_place(
    server: WebServer, path: str, how: tuple[str, str]
) -> None:
    assert _fetched(server.port, path, "cross-site", *how) == 403
    assert server.fanout.connections == 0


@pytest.mark.parametrize(
    ("path", "site", "mode", "destination"),
    [
        ("/streams/gate", "cross-site", "navigate", "document"),
        ("/streams/gate/snapshot.jpg", "cross-site", "navigate", "document"),
        ("/api/streams", "same-origin", "cors", "empty"),
        ("/streams/gate/snapshot.jpg", "same-origin", "no-cors", "image"),
        ("/api/streams", "none", "navigate", "document"),
        ("/healthz", "cross-site", "cors", "empty"),
    ],
)
def test_links_and_the_page_itself_are_answered(
    server: WebServer, path: str, site: str, mode: str, destination: str
) -> None:
    assert _fetched(server.port, path, site, mode, destination) == 200


def _fetched(port: int, path: str, site: str, mode: str, destination: str) -> int:
    """Ask as a browser does for a page, and return the status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        fetched = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": destination}
        connection.request("GET", path, headers=fetched)
        return connection.getresponse().status
    finally:
        connection.close()
