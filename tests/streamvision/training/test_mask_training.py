"""Mask R-CNN learns outlines: what it is shown, and a small one from its first picture to its exported file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

from streamvision.checkpoints import torchvision_build
from streamvision.core.errors import ConfigError
from streamvision.core.masks import BoxMask, encode_rle
from streamvision.datasets import read_dataset
from streamvision.datasets.dataset import LabelledBox, LabelledImage, LabelledShape
from streamvision.evaluation.evaluate import evaluate_shapes
from streamvision.evaluation.model import open_model
from streamvision.training import torchvision_run
from streamvision.training.mask_run import MaskSamples, mask_of
from streamvision.training.recipe import load_recipe
from streamvision.training.session import start_training
from support.tiny_mask_rcnn import tiny_mask_rcnn

pytestmark = [pytest.mark.slow, pytest.mark.reference]
SIDE_PX = 64
FRAME_BGR = (255, 0, 255)


def draw_discs(folder: Path, *, count: int = 4) -> Path:
    """Draw a disc or a square on each picture, with its outline as YOLO has it."""
    rng = np.random.default_rng(4)
    for part in ("train", "val"):
        for kind in ("images", "labels"):
            (folder / kind / part).mkdir(parents=True)
        for number in range(count):
            image = rng.integers(90, 160, (SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
            class_id, center = number % 2, rng.integers(18, 46, 2)
            angles = np.linspace(0, 2 * np.pi, 24, endpoint=False) if class_id else np.arange(4) * np.pi / 2 + np.pi / 4
            outline = center + 13 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
            cv2.fillPoly(image, [np.rint(outline).astype(np.int32)], (20, 20, 220) if class_id else (220, 60, 20))
            cv2.rectangle(image, (0, 0), (SIDE_PX - 1, SIDE_PX - 1), FRAME_BGR, 3)
            cv2.imwrite(str(folder / "images" / part / f"{number}.png"), image)
            line = f"{class_id} {' '.join(f'{value / SIDE_PX:.4f}' for value in outline.reshape(-1))}\n"
            (folder / "labels" / part / f"{number}.txt").write_text(line, encoding="utf-8")
    document = {"path": ".", "train": "images/train", "val": "images/val", "names": ["square", "disc"]}
    (folder / "data.yaml").write_text(json.dumps(document), encoding="utf-8")
    return folder


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (torchvision_build, torchvision_run):
        monkeypatch.setattr(module, "create", tiny_mask_rcnn)


def recipe(data: Path, **more: Any) -> Any:
    given = {"data": data, "model": "maskrcnn_resnet50_fpn", "imgsz": SIDE_PX, "batch": 4, "threads": 1}
    return load_recipe(None, given | {"preset": "plain", "warmup": 1, "seed": 1} | more)


@pytest.mark.usefixtures("tiny")
def test_masks_are_learnt_and_the_exported_file_is_as_good(tmp_path: Path) -> None:
    data = draw_discs(tmp_path / "data")
    done = start_training(recipe(data, epochs=40, lr=3e-3), project=tmp_path, name="run", command="train")
    assert done["task"] == "segment"
    assert done["map50_mask"] > 0.3
    card = (tmp_path / "run" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "| disc | 2 | 2 |" in card
    for file in (done["best"], done["onnx"]):
        with open_model(Path(file)) as detector:
            measured = evaluate_shapes("segment", detector, read_dataset(data, shapes=True).part("val"))
        assert measured.figures.map50 == pytest.approx(done["map50_mask"], abs=0.01), file
    results = cv2.imread(str(tmp_path / "run" / "results.png"))
    for shown in np.array_split(results, 4, axis=1):  # a picture each, masks and all
        rows, columns = np.nonzero((shown == FRAME_BGR).all(axis=2))
        assert np.ptp(rows) > 150 and np.ptp(columns) > 150


def box(class_id: int, polygon: tuple[float, ...], **more: Any) -> LabelledBox:
    x, y = polygon[::2], polygon[1::2]
    return LabelledBox(class_id, (min(x), min(y), max(x), max(y)), shape=LabelledShape((polygon,), **more))


def square(left: float, top: float, side: float) -> tuple[float, ...]:
    return (left, top, left + side, top, left + side, top + side, left, top + side)


def test_masks_are_those_of_outlines_and_of_run_lengths_in_the_size_of_training() -> None:
    image = LabelledImage(Path("a.png"), 64, 32, ())
    bits = np.zeros((32, 64), bool)
    bits[8:24, 16:32] = True
    runs = encode_rle(BoxMask(0, 0, bits), width_px=64, height_px=32)["counts"]
    by_runs = LabelledBox(0, (16, 8, 32, 24), shape=LabelledShape(rle_counts=runs))
    for marked in (box(0, square(16, 8, 16)), by_runs):
        seen = mask_of(marked, image, 32, 16)
        assert seen.shape == (16, 32)
        agree = seen == bits[::2, ::2]
        assert agree.mean() > 0.96
    with pytest.raises(ConfigError, match="marked by run lengths"):
        mask_of(by_runs, LabelledImage(Path("a.png"), 60, 32, ()), 32, 16)


def test_a_target_has_what_is_seen_of_each_object(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8))
    boxes = (
        box(2, square(20, 20, 10)),  # before the large one
        box(1, square(10, 10, 40)),
        LabelledBox(0, (0, 0, 64, 64), ignore=True),
    )
    samples = MaskSamples([LabelledImage(path, SIDE_PX, SIDE_PX, boxes)], side_px=SIDE_PX)
    settings = recipe(tmp_path, augment={"flip": 1.0})
    ((_, (target,)),) = samples.batches((1,), settings, epoch=1, mixing=False)
    assert target["labels"].tolist() == [2, 3]
    masks = target["masks"].numpy() > 0
    assert target["boxes"].numpy() == pytest.approx(np.array([[14, 10, 54, 50], [34, 20, 44, 30]]), abs=1.01)
    assert not (masks[0] & masks[1]).any()
    assert masks.sum(axis=(1, 2)) == pytest.approx([1500, 100], rel=0.25)
