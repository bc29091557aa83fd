"""Encoded layers as packets: once for all, nobody waits long for a first picture, and nothing while nobody looks."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable, Iterator
from itertools import pairwise

import av
import numpy as np
import pytest

from pipelines.encoding.stream_encoders import StreamEncoders
from pipelines.live_video import encoded
from pipelines.live_video.encoded import EncodedLayers
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.live import LiveChannel
from streamvision.core.live_video import VideoPacket
from streamvision.core.picture import BgrPicture
from streamvision.core.rendered_frame import RenderedFrame
from support.encoded import Watching
from support.live_feed import LiveFeed
from support.web_client import eventually


@pytest.fixture
def feed() -> Iterator[LiveFeed]:
    with LiveFeed("gate", fps=25) as running:
        yield running


@pytest.fixture
def encoders(feed: LiveFeed) -> StreamEncoders:
    return StreamEncoders(feed.view)


@pytest.fixture
def layers(encoders: StreamEncoders) -> EncodedLayers:
    return EncodedLayers(encoders)


def decoded(packets: list[VideoPacket]) -> list[av.VideoFrame]:
    decoder = av.CodecContext.create("h264", "r")
    frames = [frame for packet in packets for frame in decoder.decode(av.Packet(packet.data))]
    return [*frames, *decoder.decode(None)]


def test_a_page_gets_format_and_packets_that_decode(feed: LiveFeed, layers: EncodedLayers) -> None:
    watching = Watching()
    leave = layers.subscribe(feed["gate"].channel, None, watching)
    assert watching.has(packets=30)
    leave()
    (video,) = watching.formats
    assert (video.width_px, video.height_px, video.way, video.is_drawn, video.reorders) == (
        *(320, 180),
        "encoded",
        False,
        False,
    )
    assert video.codec.startswith("avc1.4d")
    packets = watching.packets
    assert [packet.is_key for packet in packets[:3]] == [True, False, False]
    assert all(packet.generation == video.generation and packet.track == "video" for packet in packets)
    assert all(a.time_us < b.time_us and a.captured_us < b.captured_us for a, b in pairwise(packets))
    assert len(decoded(packets)) == len(packets)
    assert abs(packets[-1].captured_us / 1e6 - time.monotonic()) < 30


def test_pictures_that_a_network_enlarged_are_given_in_a_width_between(feed: LiveFeed, layers: EncodedLayers) -> None:
    stream = feed["gate"]
    stream.enlarged = 2
    assert eventually(lambda: (newest := stream.channel.latest) is not None and newest.result.picture.width_px == 640)
    sizes = []
    for asked_px in (480, 640):
        watching = Watching()
        leave = layers.subscribe(stream.channel, asked_px, watching)
        assert watching.has(packets=2)
        leave()
        sizes.append((watching.formats[0].width_px, watching.formats[0].height_px))
    assert sizes == [(480, 270), (640, 360)]


def test_a_later_one_begins_with_what_the_others_have_or_with_a_new_key_frame(
    feed: LiveFeed, layers: EncodedLayers, encoders: StreamEncoders
) -> None:
    channel = feed["gate"].channel
    first = Watching()
    leave_first = layers.subscribe(channel, None, first)
    assert first.has(packets=5)
    soon = Watching()
    leave_soon = layers.subscribe(channel, None, soon)
    assert soon.has(packets=10)
    assert soon.packets[0] is first.packets[0]
    assert first.has(packets=40)  # further from the key frame than is sent once more
    late = Watching()
    leave_late = layers.subscribe(channel, None, late)
    assert late.formats == first.formats
    assert late.has(packets=10)
    assert late.packets[0].is_key
    assert late.packets[0] is not first.packets[0]
    assert len(decoded(late.packets)) >= 10
    for leave in (leave_first, leave_soon, leave_late, leave_late):
        leave()
    encoder = encoders.of(channel, drawing="where_needed")
    assert not encoder.is_encoding
    for one, other in ((first, soon), (first, late)):
        of_both = {id(packet) for packet in one.packets} & {id(packet) for packet in other.packets}
        assert len(of_both) >= 10


def test_many_who_come_late_do_not_make_the_video_larger(feed: LiveFeed, layers: EncodedLayers) -> None:
    channel = feed["gate"].channel
    first = Watching()
    leaves: list[Callable[[], None]] = [layers.subscribe(channel, None, first)]
    assert first.has(packets=30)
    for number in range(40):
        leaves.append(layers.subscribe(channel, None, Watching()))
        assert first.has(packets=31 + number)
    for leave in leaves:
        leave()
    keys = [packet.captured_us for packet in first.packets if packet.is_key]
    assert len(keys) >= 2
    assert all(b - a >= 900_000 for a, b in pairwise(keys))


def test_who_asks_for_a_key_frame_gets_one(feed: LiveFeed, layers: EncodedLayers) -> None:
    channel = feed["gate"].channel
    watching = Watching()
    leave = layers.subscribe(channel, None, watching)
    assert watching.has(packets=30)
    assert sum(packet.is_key for packet in watching.packets) == 1
    layers.request_key_frame(channel, None)
    assert watching.has(packets=len(watching.packets) + 10)
    leave()
    assert sum(packet.is_key for packet in watching.packets) == 2


def test_each_width_is_encoded_once_and_one_that_is_no_narrower_not_by_itself(
    feed: LiveFeed, layers: EncodedLayers, encoders: StreamEncoders
) -> None:
    channel = feed["gate"].channel
    assert eventually(lambda: channel.latest is not None, within_s=30)
    small, other, full, wide = (Watching() for _ in range(4))
    leaves = [
        layers.subscribe(channel, width_px, one)
        for width_px, one in ((160, small), (160, other), (None, full), (640, wide))
    ]
    assert all(one.has(packets=10) for one in (small, other, full, wide))
    for leave in leaves:
        leave()
    assert (small.formats[0].width_px, full.formats[0].width_px, wide.formats[0].width_px) == (160, 320, 320)
    assert {id(one) for one in other.packets} & {id(one) for one in small.packets}
    assert {id(one) for one in wide.packets} & {id(one) for one in full.packets}
    assert feed["gate"].encoded == 0, "no JPEG file is made for them"
    assert encoders.of(channel).encoded == 0, "and nothing is drawn"


def test_what_cannot_be_encoded_is_said_and_another_try_begins_anew(feed: LiveFeed) -> None:
    layers = EncodedLayers(StreamEncoders(feed.view, "of nobody"))
    watching = Watching()
    leave = layers.subscribe(feed["gate"].channel, None, watching)
    assert watching.has(reasons=1)
    assert "no H.264 encoder works here" in watching.reasons[0]
    leave()
    assert not watching.formats


def test_a_listener_may_leave_while_it_is_told(feed: LiveFeed, layers: EncodedLayers, encoders: StreamEncoders) -> None:
    leaves: list[Callable[[], None]] = []

    class Leaving(Watching):
        def take(self, packet: VideoPacket) -> None:
            super().take(packet)
            leaves[0]()

    channel = feed["gate"].channel
    leaving = Leaving()
    leaves.append(layers.subscribe(channel, None, leaving))
    assert leaving.has(packets=2)
    assert eventually(lambda: not encoders.of(channel, drawing="where_needed").is_encoding, within_s=30)
    seen = len(leaving.packets)
    time.sleep(0.3)
    assert len(leaving.packets) == seen == 2


def test_what_is_kept_for_late_ones_is_bounded(
    feed: LiveFeed, layers: EncodedLayers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoded, "CATCH_UP_BYTES", 1)
    channel = feed["gate"].channel
    first, second = Watching(), Watching()
    leave_first = layers.subscribe(channel, None, first)
    assert first.has(packets=2)
    leave_second = layers.subscribe(channel, None, second)
    assert len(second.formats) == 1
    assert second.has(packets=1)
    leave_first()
    leave_second()
    assert second.packets[0].is_key
    assert second.packets[0] is not first.packets[0]
    assert isinstance(second.packets[0].data, bytes)
    assert np.frombuffer(second.packets[0].data[:4], np.uint8).tolist() == [0, 0, 0, 1]


def test_where_pictures_must_be_drawn_from_now_on_decoding_begins_anew(layers: EncodedLayers) -> None:
    channel, picture = LiveChannel("door", ()), BgrPicture(np.full((180, 320, 3), 90, np.uint8))
    watching = Watching()
    leave = layers.subscribe(channel, None, watching)
    for number, needs_drawing in enumerate((False, False, True, True, False), start=1):
        result = Result(Frame("door", number, number / 25, time.monotonic(), picture), Detections.empty())
        frame = RenderedFrame(result, draw=picture.to_canvas, encode=lambda _: b"", needs_drawing=needs_drawing)
        channel.publish(frame)
        assert watching.has(packets=number)
    leave()
    assert [video.is_drawn for video in watching.formats] == [False, True, False]
    generations = [video.generation for video in watching.formats]
    assert generations == sorted(set(generations))
    assert [packet.generation - generations[0] for packet in watching.packets] == [0, 0, 1, 1, 2]
    assert [packet.is_key for packet in watching.packets] == [True, False, True, False, True]


def test_nothing_is_kept_of_streams_that_have_gone(feed: LiveFeed, layers: EncodedLayers) -> None:
    def come_and_go(stream_id: str) -> weakref.ref[LiveChannel]:
        feed.add(stream_id)
        channel = feed[stream_id].channel
        before = layers.subscribe(channel, 160, Watching())
        feed.remove(stream_id)
        too_late = layers.subscribe(channel, 240, Watching())
        before(), too_late()
        return weakref.ref(channel)

    gone = [come_and_go(f"passing {number}") for number in range(3)]
    assert eventually(lambda: gc.collect() >= 0 and not any(one() for one in gone))
