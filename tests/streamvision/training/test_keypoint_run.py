"""Keypoint R-CNN: keypoints follow their pictures, and a run leaves a checkpoint that knows their names."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import torch
from torchvision.models.detection import keypoint_rcnn

from streamvision.checkpoints import open_source
from streamvision.core.errors import ConfigError
from streamvision.datasets import read_dataset
from streamvision.evaluation.evaluate import evaluate_shapes
from streamvision.evaluation.model import open_model
from streamvision.training.augment import Sample, augment, fit
from streamvision.training.recipe import Augmentation, load_recipe
from streamvision.training.report import CurveFile
from streamvision.training.session import start_training
from support.face_sets import SMALL, face_set

pytestmark = [pytest.mark.slow, pytest.mark.reference]
DOTS = ((50, 40), (80, 70))


def dotted() -> Sample:
    """A picture with a red dot where its first keypoint is, a green one where its second is, and one not marked."""
    image = np.zeros((120, 160, 3), np.uint8)
    for channel, (x, y) in enumerate(DOTS):
        image[y - 3 : y + 4, x - 3 : x + 4, channel] = 255
    points = np.array([[(*DOTS[0], 1), (*DOTS[1], 1), (0, 0, 0)]], np.float32)
    points[..., :2] += 0.5
    boxes = np.array([(40, 30, 90, 80)], np.float32)
    return Sample(image, boxes, np.array([0], np.int64), keypoint_xyv=points, mirrored=(0, 1, 2))


@pytest.mark.parametrize("seed", range(6))
def test_keypoints_stay_on_their_dots(seed: int) -> None:
    settings = Augmentation(translate=0.1, scale=0.3, rotate_deg=15, perspective=0.0003, flip=0.5)
    rng = np.random.default_rng(seed)
    moved = augment(0, lambda _: dotted(), count=1, side_px=200, settings=settings, mixing=False, rng=rng)
    assert moved.keypoint_xyv is not None
    for channel, (x, y, visible) in enumerate(moved.keypoint_xyv[0][:2]):
        rows, columns = np.nonzero(moved.image[..., channel] > 120)
        assert visible == 1
        np.testing.assert_allclose((x, y), (columns.mean() + 0.5, rows.mean() + 0.5), atol=1.5)
    assert moved.keypoint_xyv[0, 2, 2] == 0


def test_left_and_right_change_places_in_a_mirror_and_what_leaves_is_not_marked() -> None:
    sample = dotted()
    swapped = Sample(sample.image, sample.box_xyxy_px, sample.class_id, None, sample.keypoint_xyv, (1, 0, 2))
    rng = np.random.default_rng(0)
    settings = Augmentation(flip=1.0)
    flipped = augment(0, lambda _: swapped, count=1, side_px=160, settings=settings, mixing=False, rng=rng)
    assert flipped.keypoint_xyv is not None
    np.testing.assert_allclose(flipped.keypoint_xyv[0, :2, 0], [160 - 80.5, 160 - 50.5])
    outside = sample.keypoint_xyv
    assert outside is not None
    outside[0, 1, :2] = 300, 20
    rotated = augment(
        0, lambda _: fit(sample, side_px=160), count=1, side_px=160, settings=Augmentation(rotate_deg=5), mixing=False,
        rng=rng,
    )  # fmt: skip
    assert rotated.keypoint_xyv is not None
    assert rotated.keypoint_xyv[0, :, 2].tolist() == [1, 0, 0]


def slim(in_channels: int, layers: Any, *, real: Any) -> Any:
    """Return the layers of the keypoints' head, 16 channels wide but for the last, which its predictor takes."""
    return real(in_channels, (*(16,) * (len(layers) - 1), layers[-1]))


@pytest.mark.usefixtures("without_onnx")  # the way there is tried with random weights
def test_keypoint_rcnn_learns_faces_and_its_checkpoint_names_their_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = face_set(tmp_path / "faces", images=4, val_images=2, sampling=SMALL)
    monkeypatch.setattr(keypoint_rcnn, "KeypointRCNNHeads", partial(slim, real=keypoint_rcnn.KeypointRCNNHeads))
    given = {"data": data, "model": "keypointrcnn_resnet50_fpn", "imgsz": 64, "batch": 2, "epochs": 1, "threads": 1}
    done = start_training(load_recipe(None, given), project=tmp_path, name="run", command="train")
    assert done["task"] == "pose"
    row = CurveFile(tmp_path / "run" / "curves.csv").rows()[0]
    assert np.isfinite(row["train_loss"])
    source = open_source(Path(done["best"]))
    assert source.card.keypoints is not None
    assert source.card.keypoints.names[0] == "right_eye_outer"
    before = {key: tensor.clone() for key, tensor in torch.load(done["best"], weights_only=True)["model"].items()}
    assert before["roi_heads.keypoint_predictor.kps_score_lowres.bias"].shape == (14,)
    with open_model(Path(done["best"])) as model:
        measured = evaluate_shapes("pose", model, read_dataset(data, shapes=True).part("val"))
    assert measured.figures.map50_95 == pytest.approx(done["map50_95_keypoints"], abs=1e-5)


def test_pictures_that_are_too_small_for_ssd300_are_refused(tmp_path: Path) -> None:
    data = face_set(tmp_path / "faces", images=4, val_images=2, sampling=SMALL)
    given = {"data": data, "model": "ssd300_vgg16", "imgsz": 160, "batch": 2, "epochs": 1, "threads": 1}
    with pytest.raises(ConfigError, match="ssd300_vgg16 takes pictures from 300 px on; give --imgsz 300"):
        start_training(load_recipe(None, given), project=tmp_path / "runs", name="run", command="train")
    assert not (tmp_path / "runs").exists()
