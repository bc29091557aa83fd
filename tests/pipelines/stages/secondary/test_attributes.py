"""Detectors, pose models, classifiers and embedding models on crops: what they find is where it is on the picture."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import streamvision
from pipelines.stages.secondary.secondary_inference import SecondaryInference, SecondaryModel
from streamvision.api.find import picture_of
from streamvision.core.config.secondary import SecondaryModelConfig
from streamvision.core.detections import Detections, attributes_text
from streamvision.core.frame import Frame, Result, describe
from streamvision.core.picture import BgrPicture
from streamvision.core.stage_output import Outline
from support.fixed_networks import bright_cell_detector
from support.processed import processed
from support.tiny_classifier import tiny_classifier
from support.tiny_embedder import DIMENSIONS, tiny_embedder

CAR_PX = 128
"""Side of a car: a cell of the plate detector is 16 pixels of it."""
FIRST = ("car",)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "plate": bright_cell_detector(folder / "plate.onnx"),
        "pose": bright_cell_detector(folder / "pose.onnx", pose=True),
        "paint": tiny_classifier(folder / "paint.onnx"),
        "look": tiny_embedder(folder / "look.onnx"),
    }


@pytest.fixture
def looks(models: dict[str, Path], request: pytest.FixtureRequest) -> Any:
    """Return started second looks by name, each with the sizes of its batches."""
    opened: dict[str, SecondaryModel] = {}
    batches: dict[str, list[int]] = {}
    for name in request.param:
        look = SecondaryModel.open(SecondaryModelConfig(model=str(models[name]), name=name, score=0.5, margin=0.0))
        backend: Any = look._model.backend
        sizes = batches[name] = []
        backend.run = lambda tensor, run=backend.run, sizes=sizes: sizes.append(len(tensor)) or run(tensor)
        opened[name] = look
    yield opened, batches
    for look in opened.values():
        look.close()


def cars(
    *plates: tuple[int, int], stream: str = "gate", index: int = 0, side_px: int = CAR_PX, at_px: int = 20
) -> Result:
    """Return red cars beside each other, each with a white plate at this (column, row) of its 8x8 cells."""
    bgr = np.full((200, 20 + 150 * len(plates), 3), 60, np.uint8)
    cell_px = side_px // 8
    boxes = []
    for number, (column, row) in enumerate(plates):
        left, top = at_px + 150 * number, at_px
        bgr[top : top + side_px, left : left + side_px] = (0, 0, 200)
        x, y = left + column * cell_px, top + row * cell_px
        bgr[y : y + cell_px, x : x + cell_px] = 255
        boxes.append([left, top, left + side_px, top + side_px])
    count = len(plates)
    found = Detections(
        np.array(boxes, np.float32),
        np.full(count, 0.9, np.float32),
        np.zeros(count, np.int32),
        np.ma.array(np.arange(1, count + 1, dtype=np.int64), mask=np.zeros(count, bool)),
    )
    return Result(Frame(stream, index, index / 25, 0.0, BgrPicture(bgr)), found)


def settle(looks: dict[str, SecondaryModel]) -> None:
    deadline_s = time.monotonic() + 60
    while any(look._waiting or look._under_way for look in looks.values()):
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


@pytest.mark.parametrize("looks", [("plate", "pose")], indirect=True)
def test_twenty_crops_of_four_streams_make_one_call_of_each_model(looks: Any) -> None:
    opened, batches = looks
    streams = {name: SecondaryInference([*opened.values()], names=FIRST, wait=False) for name in "abcd"}
    plates = [(column, 6) for column in range(5)]
    for name, stage in streams.items():
        processed(stage, cars(*plates, stream=name))
    for look in opened.values():
        look.start()
    settle(opened)
    assert batches == {"plate": [20], "pose": [20]}
    for name, stage in streams.items():
        found = processed(stage, cars(*plates, stream=name, index=1)).detections.attributes
        assert found is not None
        for number, (column, row) in enumerate(plates):
            left, top = 20 + 150 * number + 16 * column, 20 + 16 * row
            (plate,) = found[number]["plate"]["objects"]
            assert plate["box_xyxy_px"] == pytest.approx([left, top, left + 16, top + 16], abs=0.1)
            (pose,) = found[number]["pose"]["objects"]
            assert pose["keypoints"] == [
                pytest.approx([left + 8, top + 8, 1], abs=0.1),
                pytest.approx([left + 16, top, 1], abs=0.1),
            ]
    assert batches["plate"] == [20], "known by identity"


@pytest.mark.parametrize("looks", [("plate",)], indirect=True)
def test_what_was_found_moves_with_its_object_until_that_shows_better(looks: Any) -> None:
    opened, batches = looks
    opened["plate"].start()
    stage = SecondaryInference([*opened.values()], names=FIRST, wait=True)

    def plate(result: Result) -> list[float]:
        attributes = processed(stage, result).detections.attributes
        assert attributes is not None
        (found,) = attributes[0]["plate"]["objects"]
        return found["box_xyxy_px"]

    assert plate(cars((2, 6), side_px=64)) == pytest.approx([36, 68, 44, 76], abs=0.1)
    moved = cars((7, 7), side_px=64, at_px=50, index=1)
    assert plate(moved) == pytest.approx([66, 98, 74, 106], abs=0.1), "not looked at again: it goes with its car"
    assert batches == {"plate": [1]}
    assert plate(cars((7, 7), index=2)) == pytest.approx([132, 132, 148, 148], abs=0.1), "twice as large: looked at"
    assert batches == {"plate": [1, 1]}


def objects_of(stage: SecondaryInference, name: str, shown: Result) -> list[list[float]] | None:
    """Return the boxes that a model found on the first car; ``None`` without any."""
    attributes = processed(stage, shown).detections.attributes
    assert attributes is not None
    return attributes[0] and [one["box_xyxy_px"] for one in attributes[0][name]["objects"]]


def spot(column: int, row: int) -> list[Any]:
    left, top = 20 + 16 * column, 20 + 16 * row
    return [pytest.approx([left, top, left + 16, top + 16], abs=0.1)]


@pytest.mark.parametrize("looks", [("pose",)], indirect=True)
def test_a_pose_is_that_of_its_own_frame(looks: Any) -> None:
    opened, batches = looks
    opened["pose"].start()
    stage = SecondaryInference([*opened.values()], names=FIRST, wait=True)
    for index in range(8):
        assert objects_of(stage, "pose", cars((index, 6), index=index)) == spot(index, 6)
    assert batches == {"pose": [1] * 8}
    dark = cars((3, 3), index=8)
    dark.frame.picture.bgr[:] = 40  # type: ignore[attr-defined]
    assert objects_of(stage, "pose", dark) is None, "a pose that is not seen any more is not shown either"


@pytest.mark.parametrize("looks", [("pose",)], indirect=True)
def test_of_poses_that_wait_the_newest_is_looked_at(looks: Any) -> None:
    opened, batches = looks
    stage = SecondaryInference([*opened.values()], names=FIRST, wait=False)
    for index in range(8):
        assert objects_of(stage, "pose", cars((index, 6), index=index)) is None
    opened["pose"].start()
    settle(opened)
    assert batches == {"pose": [1]}
    assert objects_of(stage, "pose", cars((7, 6), index=8)) == spot(7, 6)


@pytest.mark.parametrize("looks", [("pose",)], indirect=True)
def test_a_pose_that_cannot_be_renewed_is_not_shown_for_ever(looks: Any) -> None:
    opened, _ = looks
    opened["pose"].start()
    stage = SecondaryInference([*opened.values()], names=FIRST, wait=True)
    assert objects_of(stage, "pose", cars((2, 6))) == spot(2, 6)
    small = {"side_px": 8, "at_px": 20}  # below min_side_px
    assert objects_of(stage, "pose", cars((2, 6), index=25, **small)) is not None
    assert objects_of(stage, "pose", cars((2, 6), index=25 * 4, **small)) is None


@pytest.mark.parametrize("looks", [("plate",)], indirect=True)
def test_a_part_is_looked_for_again_after_half_a_second(looks: Any) -> None:
    opened, batches = looks
    opened["plate"].start()
    stage = SecondaryInference([*opened.values()], names=FIRST, wait=True)
    assert objects_of(stage, "plate", cars((2, 6))) == spot(2, 6)
    assert objects_of(stage, "plate", cars((5, 1), index=12)) == spot(2, 6)
    assert objects_of(stage, "plate", cars((5, 1), index=13)) == spot(5, 1)
    assert batches == {"plate": [1, 1]}


@pytest.mark.parametrize("looks", [("plate", "pose", "paint", "look")], indirect=True)
def test_several_models_add_to_one_object(looks: Any) -> None:
    opened, batches = looks
    for look in opened.values():
        look.start()
    stage = SecondaryInference([*opened.values()], names=FIRST, wait=True)
    result = processed(stage, cars((3, 3), (4, 4)))
    assert batches == {name: [2] for name in opened}
    first, second = describe(result, FIRST)["objects"]
    assert set(first["attributes"]) == set(opened)
    assert first["attributes"]["paint"]["class_name"] == "red"
    assert len(second["attributes"]["look"]["embedding"]) == DIMENSIONS
    assert result.detections.attributes is not None
    assert attributes_text(result.detections.attributes[0]) == "plate plate red"
    boxes = [mark for mark in result.marks if isinstance(mark, Outline) and mark.closed]
    limbs = [mark for mark in result.marks if isinstance(mark, Outline) and not mark.closed]
    assert len(boxes) == len(limbs) == 2, "a plate each, and the one limb of a skeleton each"
    assert np.ptp(np.array(boxes[0].points_px), axis=0) == pytest.approx([16, 16], abs=0.1)


@pytest.mark.parametrize("looks", [("plate",)], indirect=True)
def test_nothing_is_outlined_where_boxes_are_not_wanted(looks: Any) -> None:
    opened, _ = looks
    opened["plate"].start()
    result = processed(SecondaryInference([*opened.values()], names=FIRST, wait=True, draw=False), cars((3, 3)))
    assert result.marks == ()
    assert result.detections.attributes is not None and result.detections.attributes[0]


@pytest.mark.parametrize("looks", [("plate",)], indirect=True)
def test_a_car_without_a_plate_has_no_finding(looks: Any) -> None:
    opened, _ = looks
    opened["plate"].start()
    dark = cars((3, 3))
    dark.frame.picture.bgr[:] = 40  # type: ignore[attr-defined]
    attributes = processed(SecondaryInference([*opened.values()], names=FIRST, wait=True), dark).detections.attributes
    assert attributes is not None and attributes[0] is None


@pytest.mark.parametrize("boxes", [True, False])
def test_a_real_detector_finds_on_the_crop_what_the_first_found_on_the_picture(
    data_dir: Path, tmp_path: Path, boxes: bool
) -> None:
    network = data_dir / "models" / "yolox_nano.onnx"
    picture = picture_of(data_dir / "videos" / "one-by-one-person-detection.mp4", frame=190)
    for number in range(6):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture.to_bgr())
    second = [{"name": "again", "model": str(network), "margin": 0.3, "score": 0.4, "classes": ["person"]}]
    settings = {"classes": ["person"], "score": 0.5, "second": second, "overlay": {"boxes": boxes}}
    *_, last = list(streamvision.stream(tmp_path, model=network, **settings))
    (person,) = last.to_dict()["objects"]
    assert bool(last.result.marks) == boxes, "outlined where boxes are"
    again = [one for one in person["attributes"]["again"]["objects"] if one["class_name"] == "person"]
    assert max(overlap(person["box_xyxy_px"], one["box_xyxy_px"]) for one in again) > 0.75


def overlap(a: list[float], b: list[float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)
