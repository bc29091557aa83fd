"""Smaller pictures for small tiles and slow links: encoded once for all who take them, and fresh whatever the link."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice

import pytest
import simplejpeg

from streamvision.web.server import WebServer
from support.live_feed import LiveFeed, published_after
from support.slow_reader import Received, SlowReader
from support.web_client import TIMEOUT_S, eventually, get, get_json, opened, read_part, read_record


@pytest.fixture(scope="module")
def feed() -> Iterator[LiveFeed]:
    with LiveFeed("gate", "yard", width_px=1280, height_px=720, grain=60) as running:
        assert published_after(running["gate"].channel, 0)
        yield running


@pytest.fixture(scope="module")
def server(feed: LiveFeed) -> Iterator[WebServer]:
    server = WebServer(feed.view, port=0)
    server.start()
    yield server
    server.stop()


def size(jpeg: bytes) -> tuple[int, int]:
    height_px, width_px, *_ = simplejpeg.decode_jpeg_header(jpeg)
    return width_px, height_px


@pytest.mark.parametrize(
    ("asked", "expected"), [("1", (160, 90)), ("161", (320, 180)), ("640", (640, 360)), ("9999", (1280, 720))]
)
def test_the_next_larger_step_is_sent(server: WebServer, asked: str, expected: tuple[int, int]) -> None:
    with opened(server.port, f"/streams/gate/mjpeg?width={asked}") as response:
        assert {size(read_part(response)) for _ in range(3)} == {expected}
    status, headers, body = get(server.port, f"/streams/gate/snapshot.jpg?width={asked}")
    assert status == 200 and headers["X-Frame-Index"]
    assert size(body) == expected


def test_a_smaller_picture_shows_the_same(server: WebServer) -> None:
    large = simplejpeg.decode_jpeg(get(server.port, "/streams/gate/snapshot.jpg")[2])
    small = simplejpeg.decode_jpeg(get(server.port, "/streams/gate/snapshot.jpg?width=160")[2])
    averages = large.reshape(90, 8, 160, 8, 3).mean(axis=(1, 3))
    still = slice(0, 40)  # above everything that moves
    assert abs(averages[still, 80:] - small[still, 80:]).mean() < 6


def test_each_stream_of_a_page_has_a_width_of_its_own(server: WebServer) -> None:
    with opened(server.port, "/api/live?streams=yard,gate&width=320,640") as response:
        records = [read_record(response) for _ in range(8)]
    assert {(header["stream"], size(jpeg)) for header, jpeg in records} == {("yard", (320, 180)), ("gate", (640, 360))}
    assert {header["width_px"] for header, _ in records} == {1280}, "boxes are in pixels of the frame"
    with opened(server.port, "/api/live?width=320") as response:
        records = [read_record(response) for _ in range(8)]
    assert {(header["stream"], size(jpeg)) for header, jpeg in records} == {("yard", (320, 180)), ("gate", (320, 180))}


def test_streams_may_be_left_out_of_the_widths(server: WebServer) -> None:
    with opened(server.port, "/api/live?streams=yard,gate&width=,320") as response:
        records = [read_record(response) for _ in range(8)]
    assert {(header["stream"], size(jpeg)[0]) for header, jpeg in records} == {("yard", 1280), ("gate", 320)}


@pytest.mark.parametrize(
    "query",
    ["width=0", "width=-1", "width=wide", "width=99999999", "width=320,640", "adapt=2"],
)
def test_what_is_no_size_is_refused_in_a_sentence(server: WebServer, query: str) -> None:
    status, body = get_json(server.port, f"/streams/gate/mjpeg?{query}")
    assert status == 400 and query.partition("=")[0] in body["error"]


@pytest.mark.parametrize("query", ["layer=vp9", "layer=jpeg,auto", "results=2"])
def test_what_is_no_layer_is_refused_in_a_sentence(server: WebServer, query: str) -> None:
    status, body = get_json(server.port, f"/api/live?{query}")
    assert status == 400 and query.partition("=")[0] in body["error"]


def test_a_width_is_encoded_once_for_all_and_only_while_somebody_takes_it(feed: LiveFeed, server: WebServer) -> None:
    gate = feed["gate"]
    assert eventually(lambda: gate.channel.viewers == 0)
    with ExitStack() as stack:
        responses = [stack.enter_context(opened(server.port, "/streams/gate/mjpeg?width=320")) for _ in range(6)]
        for response in responses:
            read_part(response)
        encoded, published = gate.encoded, gate.published
        for _ in range(12):
            for response in responses:
                read_part(response)
        assert 5 <= gate.encoded - encoded <= gate.published - published + 2
    assert eventually(lambda: gate.channel.viewers == 0)
    encoded = gate.encoded
    assert published_after(gate.channel, gate.channel.latest.sequence + 5)
    assert gate.encoded <= encoded + 1, "one may have been under way"


def test_the_pipeline_encodes_no_full_size_that_nobody_takes(feed: LiveFeed, server: WebServer) -> None:
    channel = feed["yard"].channel
    with opened(server.port, "/streams/yard/mjpeg?width=320") as response:
        read_part(response)
        sequence = channel.latest.sequence
        assert published_after(channel, sequence + 3)
        assert channel.viewers == 1 and channel.latest._jpeg is None
    with opened(server.port, "/streams/yard/mjpeg") as response:
        read_part(response)
        assert channel.latest._jpeg is not None


@pytest.mark.slow
def test_a_viewer_of_40_kilobytes_a_second_sees_fresh_pictures(server: WebServer) -> None:
    reader = SlowReader(server.port, "/api/live?streams=gate&width=640", bytes_per_s=40_000)
    try:
        newest = deque[Received](maxlen=4)
        for one in reader.pictures(2 * TIMEOUT_S):
            newest.append(one)
            if len(newest) == 4 and max(one.age_s for one in newest) < 2.0:
                break
    finally:
        reader.close()
    assert max(one.age_s for one in newest) < 2.0
    assert max(size(one.jpeg)[0] for one in newest) < 640, "one of 640 takes a second"


@pytest.mark.slow
def test_a_slow_viewer_may_insist_on_the_size(server: WebServer) -> None:
    reader = SlowReader(server.port, "/api/live?streams=gate&width=640&adapt=0", bytes_per_s=80_000)
    try:
        pictures = list(islice(reader.pictures(2 * TIMEOUT_S), 5))
    finally:
        reader.close()
    assert {size(one.jpeg) for one in pictures} == {(640, 360)}


def test_the_description_of_the_api_knows_the_sizes(server: WebServer) -> None:
    document = json.loads(get(server.port, "/api/openapi.json")[2])
    for path in ("/streams/{stream_id}/mjpeg", "/streams/{stream_id}/snapshot.jpg", "/api/live"):
        assert "width" in {one["name"] for one in document["paths"][path]["get"]["parameters"]}
