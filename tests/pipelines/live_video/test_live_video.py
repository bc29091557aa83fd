"""The encoded videos of a run's streams, as its page asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipelines.encoding.stream_encoders import StreamEncoders
from pipelines.engine import Pipeline
from pipelines.live_video import live_video, relays
from pipelines.live_video.encoded import EncodedLayers
from pipelines.live_video.live_video import LiveVideo, offer_packets
from pipelines.live_video.packet_relay import NO_PACKETS, PacketRelay
from pipelines.workers import WorkerPool
from streamvision.core.config.app import parse_config
from streamvision.core.config.stream import StreamConfig
from streamvision.core.live import LiveChannel, LiveView
from streamvision.core.live_video import VideoLayer
from streamvision.core.rendered_frame import RenderedFrame
from support.capturing import wait_until, write_video
from support.changes import LIVE
from support.live_feed import FedStream
from support.tiny_detector import tiny_detector
from support.watching import WatchedStream, Watcher

PASSED_ON, ENCODED = VideoLayer("passed_on"), VideoLayer("encoded")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_detector(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    return write_video(folder / "film.mp4", sizes=[(320, 180)], frames=75, reordered=True)


def played(film: Path, **more: Any) -> StreamConfig:
    return StreamConfig.model_validate({"source": str(film), "id": "a", "realtime": True, "loop": True} | more)


@contextmanager
def running(model: Path, stream: StreamConfig, **more: Any) -> Iterator[tuple[Pipeline, LiveView, LiveChannel]]:
    """Run one stream as a service with a page does."""
    given = {"model": {"path": model, "threads": 1}, "streams": [stream], "serve": {"port": 0}} | more
    with Pipeline(parse_config(given, origin="test"), service=True) as pipeline:
        offer_packets(pipeline.view, pipeline.relays, StreamEncoders(pipeline.view))
        yield pipeline, pipeline.view, pipeline.view.channels["a"]


def watched(view: LiveView, channel: LiveChannel, layer: VideoLayer) -> Watcher:
    watcher = Watcher()
    assert view.packets is not None
    view.packets.subscribe(channel, layer, watcher)
    return watcher


def test_results_name_the_packets_that_viewers_get(model: Path, film: Path) -> None:
    with running(model, played(film)) as (_, view, channel):
        seen: list[RenderedFrame] = []
        channel.add_listener(lambda it: seen.append(it.latest) if it.latest else None)
        own, made = (watched(view, channel, layer) for layer in (PASSED_ON, ENCODED))
        wait_until(lambda: len(seen) > 60)
        wait_until(lambda: len(own.packets) > 60 < len(made.packets))
        # While these lines run, more comes: what comes first in the pipeline is read last.
        encoded = [one.captured_us for one in made.packets[:-1]]
        results = [one.result.frame for one in seen]
        sent = {(one.generation, one.time_us) for one in own.packets}
        begun = min(one.captured_us for one in own.packets)
    passed_on = {frame.packet for frame in results if frame.captured_at_s * 1e6 >= begun}
    assert len(passed_on) > 3  # a live stream may leave frames out
    assert passed_on <= sent
    captured = [round(frame.captured_at_s * 1e6) for frame in results]
    assert set(captured) >= {one for one in encoded if one >= captured[0]}


def test_those_who_watch_stay_while_the_stream_becomes_another_one(model: Path, film: Path) -> None:
    with running(model, played(film)) as (pipeline, view, channel):
        watcher = watched(view, channel, PASSED_ON)
        wait_until(lambda: len(watcher.packets) > 10)
        pipeline.replace_stream("a", StreamConfig(source=LIVE, id="a"))
        wait_until(lambda: bool(watcher.reasons))
        assert watcher.reasons == [NO_PACKETS]
        pipeline.replace_stream("a", played(film, enabled=False))
        before = len(watcher.packets)
        pipeline.replace_stream("a", played(film))
        wait_until(lambda: len(watcher.packets) > before + 10)
        assert watcher.packets[before].is_key
        assert watcher.packets[before].generation > watcher.packets[before - 1].generation


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"privacy": {"blur": True}}, relays.BLURRED),
        ({"privacy": {"home": "52.5,13.4,500"}}, relays.LOCATED),
        ({"stages": [{"path": "support.stage_examples:paints"}]}, relays.CHANGED_BY_STAGES),
    ],
)
def test_what_pictures_are_to_hide_is_not_passed_on_but_encoded(
    model: Path, film: Path, more: dict[str, Any], reason: str
) -> None:
    with running(model, played(film), **more) as (_, view, channel):
        own, made = (watched(view, channel, layer) for layer in (PASSED_ON, ENCODED))
        wait_until(lambda: len(made.packets) > 3)
        assert channel.latest is not None
        assert channel.latest.result.frame.packet is None
    assert (own.reasons, own.formats, own.packets) == ([reason], {}, [])


def test_packets_that_another_process_reads_are_not_passed_on(model: Path, film: Path) -> None:
    given = {"model": {"path": model, "threads": 1}, "streams": [played(film)], "serve": {"port": 0}, "workers": 2}
    with WorkerPool(parse_config(given, origin="test")) as pool:
        offer_packets(pool.view, pool.relays, StreamEncoders(pool.view))
        watcher = watched(pool.view, pool.view.channels["a"], PASSED_ON)
    assert watcher.reasons == [live_video.OTHER_PROCESS]


def test_packets_are_withheld_while_what_was_found_is_drawn_here(film: Path) -> None:
    given = parse_config({"model": {"path": "m.onnx"}, "serve": {"port": 0}}, origin="test")
    all_relays = relays.PacketRelays(given, has_own_stages=False)
    fed = FedStream("s")
    view = LiveView({"s": fed.channel}, statuses=list, stage_times=dict, model="")
    packets = LiveVideo(all_relays, EncodedLayers(StreamEncoders(view)))
    watcher = Watcher()
    end = packets.subscribe(fed.channel, PASSED_ON, watcher)
    passed_on = all_relays.of("s")
    with WatchedStream(str(film), realtime=True, loop=True, passed_on=passed_on) as stream:
        stream.wait_for(5)
        fed.publish()
        drawn = fed.channel.latest
        assert drawn is not None
        drawn.needs_drawing = True
        fed.channel.publish(drawn)
        wait_until(lambda: watcher.reasons == [live_video.DRAWN])
        late = Watcher()
        packets.subscribe(fed.channel, PASSED_ON, late)
        before = len(watcher.packets)
        stream.wait_for(stream.capture.frames_in + 5)
        assert (len(watcher.packets), late.packets, late.reasons) == (before, [], [live_video.DRAWN])
        drawn.needs_drawing = False
        fed.channel.publish(drawn)
        wait_until(lambda: len(watcher.packets) > before + 5 and len(late.packets) > 5)
        assert watcher.packets[before].is_key
        assert late.packets[0].is_key
        times_us = [(one.generation, one.time_us) for one in late.packets]
        assert len(set(times_us)) == len(times_us)
        end()
        end()
        ended = len(watcher.packets)
        stream.wait_for(stream.capture.frames_in + 5)
        assert len(watcher.packets) <= ended + 1


def test_nothing_is_kept_of_streams_that_are_gone() -> None:
    given = parse_config({"model": {"path": "m.onnx"}, "serve": {"port": 0}}, origin="test")
    all_relays = relays.PacketRelays(given, has_own_stages=False)
    relay: PacketRelay | None = all_relays.listener("gone")
    first = all_relays.of("gone").new_generation()
    assert all_relays.of("gone").new_generation() == first + 1
    del relay
    assert all_relays.of("gone").new_generation() == 1
