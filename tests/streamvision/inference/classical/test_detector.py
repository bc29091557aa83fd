"""Steps in a row find what moves and what has a colour, each detector for itself."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from streamvision.core.config.model import ModelConfig
from streamvision.core.config.section import validate
from streamvision.core.errors import ConfigError, ModelError
from streamvision.core.picture import BgrPicture, YuvPicture
from streamvision.inference.classical.detector import Detector
from streamvision.inference.model import Model
from support.moving_patches import MovingPatches, precision_and_recall

RED, GREEN = "in_range:lower=170/120/80,upper=10/255/255", "in_range:lower=45/100/80,upper=75/255/255"


def config_of(*steps: Any, **more: Any) -> ModelConfig:
    return validate(ModelConfig, {"path": "none", "steps": steps, **more}, origin="test")


@pytest.mark.parametrize(
    ("steps", "camera_px"),
    [
        (["mog2:history=60"], 0.0),
        (["knn:history=60"], 0.0),
        (["dis"], 0.0),
        (["farneback"], 0.0),
        (["dis:camera=moving"], 2.0),
    ],
)
def test_what_moves_is_found(steps: list[str], camera_px: float) -> None:
    scene = MovingPatches(seed=4, camera_px=camera_px)
    detector = Detector(config_of(*steps))
    assert detector.names == ("moving",)
    found = {index: detector.find(BgrPicture(scene.picture_at(index))).box_xyxy_px for index in range(60)}
    precision, recall = precision_and_recall(scene, found, begin=30, iou=0.4)
    assert precision > 0.6 and recall > 0.6, (steps, precision, recall)


def test_a_moving_camera_needs_to_be_said() -> None:
    scene = MovingPatches(seed=4, camera_px=2.0)
    detector = Detector(config_of("dis"))
    found = {index: detector.find(BgrPicture(scene.picture_at(index))).box_xyxy_px for index in range(45)}
    _, recall = precision_and_recall(scene, found, begin=30, iou=0.4)
    assert recall < 0.3


def coloured() -> np.ndarray[Any, Any]:
    picture = np.full((360, 1280, 3), 40, np.uint8)
    cv2.rectangle(picture, (100, 100), (299, 219), (30, 30, 220), cv2.FILLED)
    cv2.rectangle(picture, (700, 60), (899, 299), (40, 210, 40), cv2.FILLED)
    return picture


def test_colours_are_classes_in_the_pictures_own_pixels() -> None:
    steps = (RED, {"contours": {"name": "red"}}, GREEN, {"contours": {"name": "green"}})
    detector = Detector(config_of(*steps))
    assert detector.names == ("red", "green") and not detector.remembers
    found = detector.find(BgrPicture(coloured()))
    boxes = dict(zip(found.class_id.tolist(), found.box_xyxy_px.tolist(), strict=True))
    assert boxes[0] == pytest.approx([100, 100, 300, 220], abs=2)
    assert boxes[1] == pytest.approx([700, 60, 900, 300], abs=2)
    assert np.all(found.score > 0.95)


def test_decoded_pictures_give_the_same() -> None:
    yuv = cv2.cvtColor(coloured(), cv2.COLOR_BGR2YUV_I420).ravel()
    luma, chroma = 360 * 1280, 180 * 640
    planes = yuv[:luma].reshape(360, 1280), *yuv[luma:].reshape(2, 180, 640)
    assert yuv.size == luma + 2 * chroma
    detector = Detector(config_of(RED, side_px=320))
    (box,) = detector.find(YuvPicture(*planes)).box_xyxy_px.tolist()
    assert box == pytest.approx([100, 100, 300, 220], abs=8)


def test_edges_alone_find_what_they_enclose() -> None:
    found = Detector(config_of("canny")).find(BgrPicture(coloured()))
    assert len(found) == 2 and np.all(found.score > 0.9)


def test_each_detector_has_its_own_background_and_forgets_it() -> None:
    scene = MovingPatches(seed=1)
    first, second = Detector(config_of("mog2")), Detector(config_of("mog2"))
    for index in range(25):
        first.find(BgrPicture(scene.picture_at(index)))
    moved = BgrPicture(scene.picture_at(40))
    fresh = second.find(moved)
    assert len(first.find(moved)) > len(fresh)
    first.reset()
    np.testing.assert_array_equal(first.find(moved).box_xyxy_px, fresh.box_xyxy_px)


def test_the_model_looks_at_single_pictures_where_no_step_compares() -> None:
    with Model.open(config_of(RED, score=0.5, classes=["object"])) as model:
        assert model.names == ("object",)
        assert "in_range of OpenCV" in model.describe()
        (found,) = model.detect([BgrPicture(coloured())])
        assert len(found) == 1
    with Model.open(config_of()) as model, pytest.raises(ModelError, match="compare the frames of a stream"):
        model.detect([BgrPicture(coloured())])
    with pytest.raises(ConfigError, match="it has moving"):
        Model.open(config_of("mog2", classes=["car"]))
    with pytest.raises(ConfigError, match="steps find objects without a network, but path is"):
        validate(ModelConfig, {"path": "yolo.onnx", "steps": ["mog2"]}, origin="test")


@pytest.mark.parametrize("camera", ["still", "moving"])
def test_pictures_of_any_size_are_looked_at_one_after_the_other(camera: str) -> None:
    moving = [f"{name}:camera={camera}" for name in ("farneback", "dis", "lucas_kanade")]
    alone = ["mog2", "knn", "absdiff", "in_range", "threshold", "adaptive_threshold", "canny"]
    rng = np.random.default_rng(0)
    for step in moving + alone * (camera == "still"):
        detector = Detector(config_of(step))
        for height, width in ((1, 1), (1, 2), (11, 3), (1, 700), (40, 11), (480, 640)):
            for _ in range(2):
                found = detector.find(BgrPicture(rng.integers(0, 256, (height, width, 3), np.uint8)))
                assert (found.box_xyxy_px <= [width, height] * 2).all()


def test_a_kernel_that_would_take_minutes_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"a ksize of 255, 100 times, reaches 12700 px"):
        Detector(config_of("mog2", "open:ksize=255,iterations=100"))
