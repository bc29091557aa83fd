"""What is kept of a viewer and of a request is gone at once with it: pictures and packets wait for no collector."""

from __future__ import annotations

import gc
import http.client
from collections.abc import Callable
from contextlib import suppress

import pytest

from streamvision.web.connections import BoundedProtocol
from streamvision.web.server import WebServer
from streamvision.web.video_feed import PacketInbox, VideoFeed
from streamvision.web.viewer import Viewer
from support.collector import no_collector
from support.live_packets import PlayedPackets
from support.web_client import TIMEOUT_S, eventually
from support.websocket_client import WebSocketClient

KEPT = (Viewer, VideoFeed, PacketInbox, BoundedProtocol)
"""What has the newest picture, all packets since a key frame, or the whole request."""


def kept() -> list[str]:
    return [type(one).__name__ for one in gc.get_objects() if type(one) in KEPT]


def over_http(port: int, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    connection.request("GET", path)
    with connection.getresponse() as response:
        response.read(2000)
    connection.close()


def over_websocket(port: int, path: str) -> None:
    with WebSocketClient(port, path) as client:
        for _ in range(5):
            client.record()


@pytest.mark.parametrize(
    ("come_and_go", "path"),
    [
        (over_http, "/streams/gate/mjpeg"),
        (over_http, "/api/live?streams=gate"),
        (over_http, "/api/live?streams=gate&layer=source&results=1"),
        (over_http, "/api/events?detections=1"),
        (over_websocket, "/api/live?layer=h264&results=1"),
        (over_websocket, "/api/live?layer=auto"),
        (over_http, "/"),
        (over_http, "/api/live?layer=none"),
    ],
)
def test_a_viewer_that_has_gone_is_gone_at_once(
    server: WebServer, packets: PlayedPackets, come_and_go: Callable[[int, str], None], path: str
) -> None:
    with no_collector():
        before = kept()
        come_and_go(server.port, path)
        with suppress(AssertionError):
            assert eventually(lambda: len(kept()) <= len(before))
        assert kept() == before


def test_each_request_of_a_connection_is_gone_when_it_was_answered(server: WebServer) -> None:
    def scopes() -> int:
        return sum(type(one) is dict and "http_version" in one and "raw_path" in one for one in gc.get_objects())

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_S)
    with no_collector():
        for _ in range(5):
            connection.request("GET", "/api/streams")
            assert connection.getresponse().read()
        assert eventually(lambda: scopes() <= 1)  # that of the last one
    connection.close()
