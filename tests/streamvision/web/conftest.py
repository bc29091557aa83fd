"""A real server on a free port, fed with real pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from streamvision.web.server import WebServer
from support.live_feed import LiveFeed, published_after
from support.live_packets import PlayedPackets

Serve = Callable[..., WebServer]


@pytest.fixture
def feed() -> Iterator[LiveFeed]:
    with LiveFeed("gate", "yard") as running:
        yield running


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers that are stopped when the test ends."""
    servers: list[WebServer] = []

    def start(feed: LiveFeed, **options: float) -> WebServer:
        server = WebServer(feed.view, host="127.0.0.1", port=0, **options)
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def server(feed: LiveFeed, serve: Serve) -> WebServer:
    assert published_after(feed["gate"].channel, 0), "the feed publishes"
    return serve(feed)


@pytest.fixture
def packets(feed: LiveFeed) -> Iterator[PlayedPackets]:
    """Encoded video of the streams, played while somebody takes it."""
    with PlayedPackets() as played:
        feed.view.packets = played
        yield played
