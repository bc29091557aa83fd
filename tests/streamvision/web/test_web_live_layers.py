"""Encoded layers over real connections: a slow viewer soon has a width that it takes in time, others keep theirs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import takewhile

import av
import pytest

from pipelines.encoding.stream_encoders import StreamEncoders
from pipelines.live_video.live_video import offer_packets
from streamvision.web.server import WebServer
from support.live_feed import LiveFeed, published_after
from support.slow_reader import SlowReader
from support.web_client import TIMEOUT_S, eventually

PATH = "/api/live?streams=gate&layer=h264"


@pytest.fixture
def feed() -> Iterator[LiveFeed]:
    with LiveFeed("gate", width_px=640, height_px=360, noise=60) as running:
        yield running


@pytest.fixture
def encoders(feed: LiveFeed) -> StreamEncoders:
    encoders = StreamEncoders(feed.view)
    offer_packets(feed.view, None, encoders)
    return encoders


@pytest.fixture
def server(feed: LiveFeed, encoders: StreamEncoders, serve: Callable[..., WebServer]) -> WebServer:
    assert published_after(feed["gate"].channel, 0), "the feed publishes"
    return serve(feed)


def seen(reader: SlowReader) -> Iterator[tuple[float, int, bytes]]:
    """Yield of each packet how old it was when it was there, the width of its video, and the packet."""
    width_px = 0
    for header, data, at_s in reader.records(2 * TIMEOUT_S):
        if "format" in header:
            width_px = header["format"]["width_px"]
        if "packet" in header:
            yield at_s - header["packet"]["captured_us"] / 1e6, width_px, data


def test_a_viewer_of_40_kb_a_second_soon_sees_young_pictures_and_others_keep_theirs(
    server: WebServer, encoders: StreamEncoders, feed: LiveFeed
) -> None:
    slow, fast = (SlowReader(server.port, PATH, bytes_per_s=rate) for rate in (40_000, 10_000_000))
    of_fast: list[tuple[float, int, bytes]] = []
    is_over = threading.Event()
    reading = threading.Thread(target=lambda: of_fast.extend(takewhile(lambda _: not is_over.is_set(), seen(fast))))
    reading.start()
    try:
        of_slow = []
        for one in seen(slow):
            of_slow.append(one)
            if len(of_slow) > 100 and all(age_s < 2.0 and width_px < 640 for age_s, width_px, _ in of_slow[-50:]):
                break
    finally:
        is_over.set()
        reading.join(TIMEOUT_S)
    slow.close()
    fast.close()
    assert of_slow[0][1] == 640
    assert {width_px for _, width_px, _ in of_slow[-50:]} <= {160, 320, 480}
    assert max(age_s for age_s, _, _ in of_slow[-50:]) < 2.0
    decoder = av.CodecContext.create("h264", "r")
    narrow = [data for _, width_px, data in of_slow if width_px == of_slow[-1][1]]
    assert len([frame for data in narrow for frame in decoder.decode(av.Packet(data))]) > 20
    assert {width_px for _, width_px, _ in of_fast} == {640}
    assert sum(len(data) for *_, data in of_fast) > 1.5 * sum(len(data) for *_, data in of_slow)
    channel = feed["gate"].channel
    layers = [encoders.of(channel, drawing="where_needed", width_px=width_px) for width_px in (None, 160, 320, 480)]
    assert eventually(lambda: not any(one.is_encoding for one in layers))
