"""Streams that come, change and go while others run: those miss nothing, and what has gone leaves nothing behind."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipelines.engine import Pipeline
from streamvision.core.config.app import AppConfig, parse_config
from streamvision.core.config.stream import StreamConfig
from streamvision.core.control import StreamExistsError, UnknownStreamError
from streamvision.core.errors import ConfigError, SourceError
from streamvision.inference.model import Model
from support.changes import LIVE, newest, status_of, until, until_frames
from support.tiny_detector import tiny_detector


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_detector(tmp_path_factory.mktemp("model") / "tiny.onnx")


def config_of(model: Path, *streams: dict[str, Any], **more: Any) -> AppConfig:
    return parse_config({"model": {"path": model, "threads": 1}, "streams": list(streams)} | more, origin="test")


def live(stream_id: str | None = None, **more: Any) -> StreamConfig:
    return StreamConfig.model_validate({"source": LIVE, "id": stream_id} | more)


def test_a_service_waits_without_streams_and_takes_one(model: Path) -> None:
    with Pipeline(config_of(model), service=True) as pipeline:
        assert not pipeline.wait(0.3)
        assert (pipeline.statuses(), pipeline.failures(), dict(pipeline.view.channels)) == ([], [], {})
        assert "not open" in pipeline.view.model
        assert pipeline.add_stream(live()) == "boxes"
        assert pipeline.add_stream(live()) == "boxes-2"
        until_frames(pipeline, "boxes-2")
        assert "onnxruntime" in pipeline.view.model
        for name in ("boxes", "boxes-2"):
            pipeline.remove_stream(name)
        assert pipeline.statuses() == []
        assert "not open" in pipeline.view.model
        assert not pipeline.wait(0.3)
        pipeline.add_stream(live("again"))
        until_frames(pipeline, "again")
    assert pipeline.wait(0)


def test_a_run_needs_a_stream(model: Path) -> None:
    with pytest.raises(ConfigError, match="no stream to run"):
        Pipeline(config_of(model))


def test_streams_come_and_go_within_one_process_only(model: Path) -> None:
    with pytest.raises(ConfigError, match="within one process only"):
        Pipeline(config_of(model, workers=2), service=True)


def test_a_run_ends_when_all_streams_have_left(model: Path) -> None:
    with Pipeline(config_of(model, {"source": LIVE, "id": "a"})) as pipeline:
        pipeline.add_stream(live("b"))
        pipeline.remove_stream("a")
        until_frames(pipeline, "b")
        assert not pipeline.wait(0)
        pipeline.remove_stream("b")
        assert pipeline.wait(200)


def test_a_run_ends_with_its_last_file_though_one_came_later(model: Path, tmp_path: Path) -> None:
    lines = tmp_path / "d.jsonl"
    config = config_of(model, {"source": LIVE, "id": "a"}, max_frames=30, outputs={"detections": lines})
    with Pipeline(config) as pipeline:
        pipeline.add_stream(live("b"))
        assert pipeline.wait(200)
    written = [json.loads(line) for line in lines.read_text().splitlines()]
    for name in "ab":
        status = status_of(pipeline, name)
        assert status.frames_done + sum(status.drops.values()) == 30
        assert sum(line["stream"] == name for line in written) == status.frames_done


def test_what_is_refused_changes_nothing(model: Path) -> None:
    with Pipeline(config_of(model, {"source": LIVE, "id": "a"}), service=True) as pipeline:
        with pytest.raises(StreamExistsError, match="'a'"):
            pipeline.add_stream(live("a"))
        with pytest.raises(SourceError, match="does not exist"):
            pipeline.add_stream(StreamConfig(source="/nowhere.mp4"))
        with pytest.raises(UnknownStreamError, match="there is no stream 'b'; the streams are: a"):
            pipeline.remove_stream("b")
        with pytest.raises(UnknownStreamError, match="there is no stream 'b'"):
            pipeline.replace_stream("b", live("b"))
        with pytest.raises(ConfigError, match="cannot become 'b'"):
            pipeline.replace_stream("a", live("b"))
        with pytest.raises(SourceError, match="does not exist"):
            pipeline.replace_stream("a", StreamConfig(source="/nowhere.mp4"))
        assert [status.id for status in pipeline.statuses()] == ["a"]
        until_frames(pipeline, "a")
        assert not pipeline.failures()


def test_another_source_begins_that_stream_anew_for_the_same_viewers(model: Path) -> None:
    streams = {"source": LIVE, "id": "a"}, {"source": LIVE, "id": "b"}
    with Pipeline(config_of(model, *streams), service=True) as pipeline:
        until_frames(pipeline, "a")
        channel = pipeline.view.channels["a"]
        with channel.watching():
            before = channel.latest
            assert before is not None
            pipeline.replace_stream("a", StreamConfig(source="synthetic:boxes?fps=20&size=320x240"))
            assert [status.id for status in pipeline.statuses()] == ["a", "b"]
            until(lambda: channel.latest is not None, "the channel goes on")
            newest = channel.latest
            assert newest is not None
            assert newest.sequence > before.sequence
            assert (newest.result.frame.index < 5, newest.result.frame.picture.width_px) == (True, 320)
        until_frames(pipeline, "b")


def test_analytics_change_without_beginning_anew(model: Path) -> None:
    with Pipeline(config_of(model, {"source": LIVE, "id": "a"}), service=True) as pipeline:
        until_frames(pipeline, "a")
        before = status_of(pipeline, "a").frames_in
        line = {"name": "road", "points": [[0, 0.5], [1, 0.5]]}
        pipeline.replace_stream("a", live("a", analytics={"lines": [line]}))
        assert status_of(pipeline, "a").frames_in >= before
        until(lambda: "road" in status_of(pipeline, "a").analytics["lines"], "the line counts")


@pytest.mark.parametrize("mode", ["full", "adaptive"])
def test_detection_is_switched_off_and_on_while_the_picture_goes_on(model: Path, mode: str) -> None:
    analytics = {"zones": [{"name": "all", "points": [[0, 0], [1, 0], [1, 1], [0, 1]], "anchor": "center"}]}
    config = config_of(model, {"source": LIVE, "id": "a"}, analytics=analytics, adaptive={"mode": mode})
    with Pipeline(config, service=True) as pipeline:
        until(lambda: status_of(pipeline, "a").objects, "objects are found")
        before = newest(pipeline, "a")
        pipeline.replace_stream("a", live("a", detect=False))
        until(lambda: newest(pipeline, "a").result.plan.kind == "off", "detection is off")
        until_frames(pipeline, "a", 40)
        after = newest(pipeline, "a")
        assert (len(after.result.detections), after.result.image_result) == (0, None)
        assert (after.result.frame.segment, after.sequence > before.sequence) == (before.result.frame.segment, True)
        assert status_of(pipeline, "a").analytics["zones"]["all"]["inside"] == 0
        pipeline.replace_stream("a", live("a", detect=True))
        until(lambda: status_of(pipeline, "a").objects, "objects are found again")


def test_threads_and_ids_come_back(model: Path) -> None:
    with Pipeline(config_of(model, {"source": LIVE, "id": "a"}), service=True) as pipeline:
        until_frames(pipeline, "a")
        threads = threading.active_count()
        for _ in range(5):
            pipeline.add_stream(live("guest"))
            until_frames(pipeline, "guest", 1)
            pipeline.remove_stream("guest")
        assert threading.active_count() == threads
        assert list(pipeline.view.channels) == ["a"]


def test_many_changes_at_once(model: Path) -> None:
    faults: list[BaseException] = []

    def come_and_go(number: int) -> None:
        try:
            for _ in range(3):
                name = pipeline.add_stream(live(f"guest-{number % 2}" if number < 2 else None))
                pipeline.replace_stream(name, live(realtime=True))
                pipeline.remove_stream(name)
        except BaseException as error:
            faults.append(error)

    with Pipeline(config_of(model, {"source": LIVE, "id": "a"}), service=True) as pipeline:
        threads = [threading.Thread(target=come_and_go, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert not faults
        assert [status.id for status in pipeline.statuses()] == ["a"]
        until_frames(pipeline, "a")


def test_a_stream_leaves_while_it_connects(model: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        Pipeline(config_of(model, {"source": LIVE, "id": "a"}), service=True) as pipeline,
    ):
        source = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/live"
        pipeline.add_stream(StreamConfig(source=source, id="dead", open_timeout_s=5))
        until(lambda: status_of(pipeline, "dead").state == "connecting", "it connects")
        pipeline.remove_stream("dead")
        assert list(pipeline.view.channels) == ["a"]
        pipeline.add_stream(live("dead"))
        until_frames(pipeline, "dead")
        until_frames(pipeline, "a")
        until(lambda: _threads().count("capture-dead") == 1, "the attempt to connect ends by itself")


def test_a_stream_leaves_while_the_network_has_its_frame_and_another_takes_its_name(model: Path) -> None:
    config = config_of(model, {"source": LIVE, "id": "a"})
    opened = Model.open(config.model)
    run, hold, go_on, held = opened.backend.run, threading.Event(), threading.Event(), threading.Event()

    def slow(tensor: np.ndarray) -> list[np.ndarray]:
        if hold.is_set():
            held.set()
            go_on.wait(60)
        return run(tensor)

    opened.backend.run = slow  # type: ignore[method-assign]
    with Pipeline(config, model=opened, service=True) as pipeline:
        until_frames(pipeline, "a")
        hold.set()
        assert held.wait(60)
        pipeline.remove_stream("a")
        pipeline.add_stream(live("a"))  # its model was closed with its last stream, and is opened again
        go_on.set()
        until_frames(pipeline, "a")
        status = status_of(pipeline, "a")
        assert status.frames_done + sum(status.drops.values()) <= status.frames_in
        assert not pipeline.failures()


def test_a_stream_that_failed_leaves(model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film at all" * 100)
    with Pipeline(config_of(model, {"source": LIVE, "id": "a"}), service=True) as pipeline:
        pipeline.add_stream(StreamConfig(source=str(broken), id="b"))
        until(lambda: status_of(pipeline, "b").state == "failed", "it fails")
        assert len(pipeline.failures()) == 1
        pipeline.replace_stream("b", live("b"))
        until_frames(pipeline, "b")
        pipeline.replace_stream("b", StreamConfig(source=str(broken), id="b"))
        until(lambda: status_of(pipeline, "b").state == "failed", "it fails again")
        pipeline.remove_stream("b")
        assert pipeline.failures() == []
        until_frames(pipeline, "a")


def test_outputs_are_whole_when_a_stream_leaves_and_nothing_is_overwritten(model: Path, tmp_path: Path) -> None:
    outputs = {"detections": tmp_path / "d.jsonl", "mot": tmp_path / "m.txt", "record": tmp_path / "v.mp4"}
    config = config_of(model, outputs=outputs | {"overwrite": True})
    with Pipeline(config, service=True) as pipeline:
        for name in ("a", "b", "b"):
            pipeline.add_stream(live(name))
            until_frames(pipeline, name, 5)
            pipeline.remove_stream(name)
        videos = sorted(tmp_path.glob("v.*.mp4"))
        assert len(videos) == 3, "the second stream of a name keeps what the first has recorded"
        for video in videos:
            with av.open(str(video)) as container:
                assert len(list(container.decode(video=0))) >= 5
    lines = [json.loads(line) for line in outputs["detections"].read_text().splitlines()]
    assert [(line["stream"], line["frame"]) for line in lines if line["frame"] == 0] == [("a", 0), ("b", 0), ("b", 0)]


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]
