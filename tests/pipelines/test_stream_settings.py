"""What is set for one stream: models, scores, classes, masks, drawing, recording, trackers, on and off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipelines.engine import Pipeline
from streamvision.core.config.app import AppConfig, parse_config
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import ConfigError, StreamVisionError
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.status import StreamStatus
from streamvision.inference.model import Model
from support.changes import LIVE, newest, status_of, until, until_frames
from support.tiny_detector import tiny_detector, tiny_pictures

FRAMES = 6
RIGHT_HALF = [[0.5, 0], [1, 0], [1, 1], [0.5, 1]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, and pictures on which both find things."""
    made = tmp_path_factory.mktemp("settings")
    tiny_detector(made / "one.onnx")
    tiny_detector(made / "two.onnx", seed=5)
    (made / "pictures").mkdir()
    for number, picture in enumerate(tiny_pictures(FRAMES)):
        cv2.imwrite(str(made / "pictures" / f"{number}.png"), np.uint8(picture.transpose(1, 2, 0) * 255))
    return made


def config_of(folder: Path, *streams: dict[str, Any], **more: Any) -> AppConfig:
    document = {"model": {"path": folder / "one.onnx", "score": 0.65}, "tracker": {"name": "none"}}
    streams = tuple({"source": str(folder / "pictures")} | stream for stream in streams)
    return parse_config(document | {"streams": list(streams)} | more, origin="test")


def found(folder: Path, tmp_path: Path, *streams: dict[str, Any], **more: Any) -> dict[str, list[list[dict[str, Any]]]]:
    """Run to the end and return the objects of each frame, by stream."""
    out = tmp_path / "found.jsonl"
    with Pipeline(config_of(folder, *streams, outputs={"detections": out, "overwrite": True}, **more)) as pipeline:
        assert pipeline.wait(200)
    assert not pipeline.failures()
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    by_stream = {name: [line["objects"] for line in lines if line["stream"] == name] for name in pipeline.ages()}
    assert all(len(frames) == FRAMES for frames in by_stream.values())
    return by_stream


def test_each_stream_has_its_score_its_classes_and_its_masks(folder: Path, tmp_path: Path) -> None:
    by_stream = found(
        folder,
        tmp_path,
        {"id": "all"},
        {"id": "sure", "score": 0.68},
        {"id": "more", "score": 0.5},
        {"id": "one", "classes": [1]},
        {"id": "none", "classes": []},
        {"id": "left", "ignore": [RIGHT_HALF]},
    )
    every = by_stream["all"]
    assert sum(map(len, every)) > FRAMES

    def chosen(rule: Any) -> list[list[dict[str, Any]]]:
        return [[one for one in objects if rule(one)] for objects in every]

    assert 0 < sum(map(len, by_stream["sure"])) < sum(map(len, every)) < sum(map(len, by_stream["more"]))
    assert by_stream["sure"] == chosen(lambda one: one["score"] >= 0.68)
    assert [[one for one in objects if one["score"] >= 0.65] for objects in by_stream["more"]] == every
    assert by_stream["one"] == chosen(lambda one: one["class_id"] == 1)
    assert by_stream["none"] == [[]] * FRAMES
    kept = chosen(lambda one: (one["box_xyxy_px"][0] + one["box_xyxy_px"][2]) / 2 < 32)
    assert by_stream["left"] == kept != every


def test_each_stream_has_its_model_and_those_of_one_share_it(folder: Path, tmp_path: Path) -> None:
    alone = found(folder, tmp_path, {"id": "b"}, model={"path": folder / "two.onnx", "score": 0.4})
    models = {"other": {"path": folder / "two.onnx", "score": 0.4}}
    by_stream = found(
        folder, tmp_path, {"id": "a"}, {"id": "b", "model": "other"}, {"id": "c", "model": "other"}, models=models
    )
    assert by_stream["b"] == by_stream["c"] == alone["b"] != by_stream["a"]


@pytest.fixture
def running(folder: Path) -> Iterator[Pipeline]:
    """Two live streams, one of each model."""
    models = {"other": {"path": folder / "two.onnx", "score": 0.4}}
    streams = {"id": "a", "source": LIVE}, {"id": "b", "source": LIVE, "model": "other"}
    with Pipeline(config_of(folder, *streams, models=models), service=True) as pipeline:
        until_frames(pipeline, "a")
        until_frames(pipeline, "b")
        yield pipeline


def live(stream_id: str, **more: Any) -> StreamConfig:
    return StreamConfig.model_validate({"source": LIVE, "id": stream_id} | more)


def test_a_model_opens_with_its_first_stream_and_closes_with_its_last(running: Pipeline) -> None:
    assert running.view.model.count(".onnx") == 2
    running.add_stream(live("c", model="other"))
    running.remove_stream("b")
    assert "two.onnx" in running.view.model
    until_frames(running, "c")
    running.replace_stream("c", live("c"))
    assert "two.onnx" not in running.view.model
    until_frames(running, "c")
    with pytest.raises(ConfigError, match="'third', but models are: other"):
        running.add_stream(live("d", model="third"))


def is_accounted(status: StreamStatus) -> bool:
    return status.frames_in == status.frames_done + sum(status.drops.values())


def test_a_model_that_breaks_ends_its_streams_alone(folder: Path) -> None:
    models = {"other": {"path": folder / "two.onnx"}}
    streams = {"id": "a", "source": LIVE}, {"id": "b", "source": LIVE, "model": "other"}
    config = config_of(folder, *streams, models=models)
    model = Model.open(config.model)

    def broken(tensor: np.ndarray) -> list[np.ndarray]:
        raise RuntimeError("CUDA error: device lost")

    model.backend.run = broken  # type: ignore[method-assign]
    with Pipeline(config, model=model, service=True) as pipeline:
        until(lambda: status_of(pipeline, "a").state == "failed", "the stream of the broken model fails")
        status = status_of(pipeline, "a")
        assert "device lost" in status.reason
        # The frame that is on its way is counted a moment after the failure.
        until(lambda: is_accounted(status_of(pipeline, "a")), "each frame that came in is done or counted as dropped")
        assert pipeline.failures() == ["inference failed: RuntimeError('CUDA error: device lost')"]
        assert pipeline.error is None
        until_frames(pipeline, "b")
        pipeline.add_stream(live("c"))  # the model is opened again, from its file
        until_frames(pipeline, "c")
        pipeline.remove_stream("a")
        assert pipeline.failures() == []
        until_frames(pipeline, "c")


def test_what_changes_at_once_begins_nothing_anew(running: Pipeline) -> None:
    before = newest(running, "a")
    running.replace_stream(
        "a",
        live(
            "a",
            name="Gate",
            score=0.99,
            overlay={"boxes": False, "status": False, "trails_s": 0, "analytics": False},
            ignore=[RIGHT_HALF],
            analytics={"lines": [{"name": "road", "points": [[0, 0.5], [1, 0.5]]}]},
        ),
    )
    assert status_of(running, "a").name == "Gate"
    until(lambda: not len(newest(running, "a").result.detections), "nothing is so sure")
    until(lambda: "road" in status_of(running, "a").analytics["lines"], "the line counts")
    running.view.analytics["b"].apply(running.view.analytics["a"].config)  # as the page's editor does
    running.replace_stream("b", live("b", model="other"))
    assert not running.view.analytics["b"].config.lines, "what is set holds"
    plain = newest(running, "a")
    assert (plain.canvas().y == plain.result.frame.picture.to_canvas().y).all()
    running.replace_stream("a", live("a", score=0.01, classes=["c1"], ignore=[]))
    until(lambda: set(newest(running, "a").result.detections.class_id.tolist()) == {1}, "one class is left")
    running.replace_stream("a", live("a", score=0.01, ignore=[[[0, 0], [1, 0], [1, 1], [0, 1]]]))
    until(lambda: not len(newest(running, "a").result.detections), "everything is masked")
    after = newest(running, "a")
    assert after.result.frame.index > before.result.frame.index
    assert status_of(running, "a").state == "live"
    with pytest.raises(ConfigError, match="'zebra', which is not a class of this model"):
        running.replace_stream("a", live("a", classes=["zebra"], analytics={}))
    with pytest.raises(ConfigError, match="zebra"):
        running.replace_stream("b", live("b", model="other", classes=["zebra"]))
    until_frames(running, "b")


@pytest.mark.parametrize(
    "change", [{"tracker": "steady"}, {"adaptive": "adaptive"}, {"model": "other"}, {"policy": "file"}]
)
def test_what_else_changes_begins_the_stream_anew_alone(running: Pipeline, change: dict[str, Any]) -> None:
    until(lambda: newest(running, "a").result.frame.index > 15, "it runs")
    other = newest(running, "b").result.frame.index
    running.replace_stream("a", live("a", **change))
    assert newest(running, "b").result.frame.index >= other
    until(lambda: running.view.channels["a"].latest is not None, "it begins")
    assert newest(running, "a").result.frame.index < 15
    until_frames(running, "a")
    assert (status_of(running, "a").adaptive is not None) == ("adaptive" in change)


def test_a_tracker_of_its_own_and_a_score_that_it_is_told(running: Pipeline) -> None:
    running.replace_stream("a", live("a", tracker={"name": "steady"}, score=0.4))
    until(lambda: status_of(running, "a").identities, "identities are given")
    before = newest(running, "a").result.frame.index
    running.replace_stream("a", live("a", tracker={"name": "steady"}, score=0.95))
    until(lambda: not _weak_without_identity(newest(running, "a")), "weak detections only continue tracks")
    until_frames(running, "a")
    assert not _weak_without_identity(newest(running, "a"))
    assert newest(running, "a").result.frame.index > before
    assert status_of(running, "b").identities == {}


def _weak_without_identity(rendered: RenderedFrame) -> int:
    detections = rendered.result.detections
    return int(np.count_nonzero(np.ma.getmaskarray(detections.track_id) & (detections.score < 0.95)))


def test_a_stream_that_is_switched_off_is_shown_and_does_nothing(folder: Path) -> None:
    streams = [{"id": "a", "source": LIVE, "enabled": False, "name": "Yard"}]
    with Pipeline(config_of(folder, *streams), service=True) as pipeline:
        status = status_of(pipeline, "a")
        assert (status.state, status.reason, status.name) == ("stopped", "it is switched off", "Yard")
        assert "not open" in pipeline.view.model
        assert pipeline.view.channels["a"].latest is None
        pipeline.replace_stream("a", live("a"))
        until_frames(pipeline, "a")
        pipeline.replace_stream("a", live("a", enabled=False))
        assert status_of(pipeline, "a").state == "stopped"
        assert "not open" in pipeline.view.model
        pipeline.add_stream(live("b", enabled=False))
        pipeline.remove_stream("a")
        assert [status.id for status in pipeline.statuses()] == ["b"]


def test_a_run_whose_streams_are_all_off_is_over(folder: Path) -> None:
    with Pipeline(config_of(folder, {"id": "a", "enabled": False})) as pipeline:
        assert pipeline.wait(200)


def test_only_those_are_recorded_that_are_to_be(folder: Path, tmp_path: Path) -> None:
    outputs = {"record": tmp_path / "v.mp4"}
    with Pipeline(config_of(folder, {"id": "a"}, {"id": "b", "record": False}, outputs=outputs)) as pipeline:
        assert pipeline.wait(200)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["v.a.mp4"]
    with pytest.raises(StreamVisionError, match=r"outputs\.record does not say where"):
        config_of(folder, {"id": "a", "record": True})
