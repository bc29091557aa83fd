"""Slow models see a frame now and then; no live frame waits, and what they last said goes along with its age."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import streamvision
from pipelines.rendering.overlay import Overlay
from pipelines.stages.secondary.key_frames import KeyFrameModel, KeyFrames
from pipelines.stages.secondary.model_worker import GIVE_UP_AFTER
from pipelines.stages.secondary.secondary_inference import SecondaryModel
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.config.secondary import KeyFrameConfig, SecondaryModelConfig
from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError, ModelError
from streamvision.core.frame import Frame, Result, describe
from streamvision.core.picture import BgrPicture
from streamvision.models import default_model_path
from support.fixed_networks import bright_cell_detector, brightness_depth
from support.processed import processed
from support.small_networks import copying_network, one_cuboid
from support.tiny_classifier import tiny_classifier

BGR = {"red": (0, 0, 230), "green": (0, 230, 0), "blue": (230, 0, 0), "grey": (90, 90, 90)}
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "depth": brightness_depth(folder / "depth.onnx"),
        "paint": tiny_classifier(folder / "paint.onnx"),
        "plate": bright_cell_detector(folder / "plate.onnx"),
    }


class Slow:
    """A model for key frames that looks only when it is told to; every look is written down."""

    def __init__(self, model: Path, **settings: Any) -> None:
        self.look = KeyFrameModel.open(KeyFrameConfig(model=str(model), name="slow", **settings))
        self.batches: list[int] = []
        self.go = threading.Semaphore(0)
        backend: Any = self.look._model.backend
        run = backend.run

        def watched(tensor: np.ndarray) -> Any:
            self.batches.append(len(tensor))
            assert self.go.acquire(timeout=PATIENCE_S)
            return run(tensor)

        backend.run = watched
        self.look.start()

    def until(self, done: Any) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < deadline_s
            time.sleep(0.005)

    def close(self) -> None:
        self.go.release(1000)
        self.look.close()


@pytest.fixture
def slow(models: dict[str, Path]) -> Any:
    made = Slow(models["paint"], every_s=1.0)
    yield made
    made.close()


def frame(pts_s: float, color: str, *, stream: str = "gate", segment: int = 0) -> Result:
    bgr = np.full((120, 160, 3), BGR[color], np.uint8)
    return Result(Frame(stream, int(pts_s * 10), pts_s, 0.0, BgrPicture(bgr), segment), Detections.empty())


def told(result: Result) -> tuple[str, float] | None:
    if not result.key_frames:
        return None
    (one,) = result.key_frames
    return one.summary["classes"][0]["class_name"], one.age_s


def test_no_frame_waits_and_the_newest_wins(slow: Slow) -> None:
    stage = KeyFrames([slow.look], wait=False)
    assert told(processed(stage, frame(0.0, "red"))) is None
    slow.until(lambda: slow.batches == [1])
    for pts_s in (0.5, 1.0, 1.5, 2.0):
        assert told(processed(stage, frame(pts_s, "green"))) is None, "the model is still at the first frame"
    assert slow.batches == [1]
    slow.go.release()
    slow.until(lambda: not slow.look._under_way)
    assert told(processed(stage, frame(2.5, "blue"))) == ("red", 2.5)
    slow.go.release()
    slow.until(lambda: slow.batches == [1, 1] and not slow.look._under_way)
    assert told(processed(stage, frame(2.6, "green"))) == ("blue", pytest.approx(0.1)), "not what came in between"


def test_a_frame_that_waits_is_replaced_by_a_newer_one(slow: Slow) -> None:
    yard, gate = (KeyFrames([slow.look], wait=False) for _ in range(2))
    processed(yard, frame(0.0, "red", stream="yard"))
    slow.until(lambda: slow.batches == [1])
    processed(gate, frame(0.0, "red"))
    processed(gate, frame(0.2, "blue"))
    slow.go.release(2)
    slow.until(lambda: slow.batches == [1, 1] and not slow.look._under_way)
    assert told(processed(gate, frame(0.3, "red"))) == ("blue", pytest.approx(0.1))


def test_it_looks_every_so_often_and_not_more(slow: Slow) -> None:
    slow.go.release(100)
    stage = KeyFrames([slow.look], wait=True)
    seen = [told(processed(stage, frame(number / 10, "red"))) for number in range(40)]
    assert len(slow.batches) == 4, "at 0, 1, 2 and 3 s"
    assert [one[1] for one in seen if one] == pytest.approx([number % 10 / 10 for number in range(40)])


def test_all_streams_share_a_call(slow: Slow) -> None:
    slow.go.release(100)
    blocker = KeyFrames([slow.look], wait=True)
    processed(blocker, frame(0.0, "red", stream="first"))
    stages = {name: KeyFrames([slow.look], wait=False) for name in "abc"}
    for name, stage in stages.items():
        processed(stage, frame(0.0, "blue", stream=name))
    slow.until(lambda: sum(slow.batches) == 4 and not slow.look._under_way)
    assert slow.batches == [1, 3]
    assert all(told(processed(stage, frame(0.1, "red", stream=name))) for name, stage in stages.items())


def test_a_reconnect_forgets_what_was_before(slow: Slow) -> None:
    slow.go.release(100)
    stage = KeyFrames([slow.look], wait=True)
    assert told(processed(stage, frame(5.0, "red"))) == ("red", 0.0)
    slow.look.config = slow.look.config.model_copy(update={"every_s": 100.0})
    assert told(processed(stage, frame(5.2, "blue"))) == ("red", pytest.approx(0.2))
    assert told(processed(stage, frame(5.4, "blue", segment=1))) == ("blue", 0.0)


def test_nothing_is_kept_of_before_a_reconnect(slow: Slow) -> None:
    stage = KeyFrames([slow.look], wait=False)
    processed(stage, frame(0.0, "red"))
    slow.until(lambda: slow.batches == [1])
    processed(stage, frame(5.0, "blue", segment=1))  # the camera came back while the model was still at the first frame
    slow.go.release(2)
    slow.until(lambda: slow.look.calls == 2)
    assert slow.look.known([(stage.owner, 0)]) == [None]
    assert told(processed(stage, frame(5.5, "blue", segment=1))) == ("blue", 0.5)


def test_what_is_not_sure_is_not_told(models: dict[str, Path]) -> None:
    slow = Slow(models["paint"], every_s=0.1, score=0.9)
    slow.go.release(100)
    stage = KeyFrames([slow.look], wait=True)
    assert told(processed(stage, frame(0.0, "red"))) == ("red", 0.0)
    assert told(processed(stage, frame(1.0, "grey"))) is None, "the scene has changed; the old word is no longer true"
    slow.close()


def test_one_that_fails_is_switched_off_and_the_stream_goes_on(slow: Slow) -> None:
    def failing(tensor: np.ndarray) -> Any:
        raise ModelError("out of memory")

    slow.look._model.backend.run = failing  # type: ignore[method-assign]
    stage = KeyFrames([slow.look], wait=True)
    for number in range(20):
        assert told(processed(stage, frame(float(number), "red"))) is None
    (status,) = stage.statuses()
    assert (status.state, status.failures) == ("off", GIVE_UP_AFTER)
    assert "out of memory" in status.reason
    assert status.skipped == 20 - GIVE_UP_AFTER


def test_models_of_objects_are_refused(models: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match=r"key_frames 'cars': .* is for 'detect'; give a model that says something"):
        KeyFrameModel.open(KeyFrameConfig(model=str(models["plate"]), name="cars"))


def test_models_of_crops_and_pictures_are_refused_where_they_have_nothing_to_say(tmp_path: Path) -> None:
    crops, pictures = one_cuboid(tmp_path / "space.onnx"), copying_network(tmp_path / "copy.onnx")
    for path, task in ((crops, "cuboid"), (pictures, "image")):
        with pytest.raises(ConfigError, match=f"is for '{task}'; give a model that says something of the whole"):
            KeyFrameModel.open(KeyFrameConfig(model=str(path), name="slow"))
    SecondaryModel.open(SecondaryModelConfig(model=str(crops), name="space")).close()
    with pytest.raises(ConfigError, match=r"secondary model 'copy': .* makes pictures"):
        SecondaryModel.open(SecondaryModelConfig(model=str(pictures), name="copy"))


def test_a_map_is_drawn_small_with_its_age_and_words_beside_it(models: dict[str, Path]) -> None:
    looks = [
        KeyFrameModel.open(KeyFrameConfig(model=str(models[name]), name=name, every_s=10.0))
        for name in ("depth", "paint")
    ]
    for look in looks:
        look.start()
    stage = KeyFrames(looks, wait=True)
    bgr = np.zeros((360, 640, 3), np.uint8)
    bgr[:, 320:] = (0, 0, 230)
    result = processed(stage, Result(Frame("gate", 0, 0.0, 0.0, BgrPicture(bgr)), Detections.empty()))
    assert [one.name for one in result.key_frames] == ["depth", "paint"]
    assert set(describe(result, ("car",))["key_frames"]["depth"]) == {"age_s", "depth"}
    assert [status.name for status in stage.statuses()] == ["depth", "paint"]
    overlay = Overlay(OverlayConfig(status=False), ("car",))
    drawn = overlay.plan(result, fps=0.0).draw()
    plain = overlay.plan(Result(result.frame, result.detections), fps=0.0).draw()
    changed = np.argwhere(drawn.y != plain.y)
    map_px = changed[changed[:, 1] > 320]
    assert map_px[:, 0].min() > 360 * 0.7 and map_px[:, 1].min() > 640 * 0.7, "in the corner"
    assert len(map_px) > 0.8 * (640 // 4) * (360 // 4)
    words_px = changed[changed[:, 1] < 320]
    assert len(words_px) and words_px[:, 0].min() > 320
    for look in looks:
        look.close()


def test_a_run_over_a_file_tells_the_same_on_every_frame(models: dict[str, Path]) -> None:
    source = "synthetic:drive?fps=10&size=640x360&frames=24&realtime=0&seed=3"
    key_frames = [{"name": "depth", "model": str(models["depth"]), "every_s": 1.0}]
    with streamvision.stream(source, model=default_model_path(), key_frames=key_frames) as results:
        ages = [result.to_dict()["key_frames"]["depth"]["age_s"] for result in results]
        (status,) = results.statuses()[0].stages
    assert ages == pytest.approx([number % 10 / 10 for number in range(24)], abs=0.002)
    assert (status.name, status.done, status.state) == ("depth", 3, "running")
