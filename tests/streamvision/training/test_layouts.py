"""Outlines, oriented boxes and keypoints reach ultralytics as they were marked, whatever format they came in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from streamvision.core.errors import ConfigError
from streamvision.datasets import read_dataset
from streamvision.evaluation.coco_shapes import Likeness
from streamvision.training.data import NOT_MIRRORED, TrainingData, prepare_objects
from streamvision.training.layouts import write_yolo_layout
from streamvision.training.recipe import load_recipe
from streamvision.training.run_folder import RunFolder

WIDTH, HEIGHT = 80, 60


def coco(folder: Path, annotations: list[dict[str, Any]], **category: Any) -> Path:
    """Write a COCO set with an annotation on each of its pictures."""
    (folder / "images").mkdir(parents=True)
    images = []
    for number in range(len(annotations)):
        rng = np.random.default_rng(number)
        cv2.imwrite(str(folder / "images" / f"{number}.png"), rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8))
        images.append({"id": number, "file_name": f"{number}.png", "width": WIDTH, "height": HEIGHT})
    rows = [{"id": n, "image_id": n, "category_id": 1, "iscrowd": 0} | one for n, one in enumerate(annotations)]
    document = {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "cat"} | category]}
    (folder / "annotations.json").write_text(json.dumps(document), encoding="utf-8")
    return folder / "annotations.json"


def laid_out(data: Path, root: Path, by: Likeness, **more: Any) -> tuple[TrainingData[Any], Path]:
    root.mkdir()
    recipe = load_recipe(None, {"data": data, "model": "m.pt", "fold": "1/3"} | more)
    ready = prepare_objects(RunFolder(root), recipe, by=by)
    return ready, write_yolo_layout(ready, root / "data", by=by)


def shapes_in(layout: Path) -> list[Any]:
    return [box.shape for _, box in read_dataset(layout, shapes=True).boxes()]


def test_outlines_parts_and_run_lengths_become_polygons(tmp_path: Path) -> None:
    library = pytest.importorskip("pycocotools.mask")
    square = [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0]
    other = [50.0, 40.0, 70.0, 40.0, 70.0, 50.0, 50.0, 50.0]
    bits = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
    bits[20:45, 5:60] = 1
    counts = library.encode(bits)["counts"].decode()
    data = coco(
        tmp_path / "coco",
        [
            {"bbox": [10, 10, 20, 20], "segmentation": [square]},
            {"bbox": [10, 10, 60, 40], "segmentation": [square, other]},
            {"bbox": [5, 20, 55, 25], "segmentation": {"size": [HEIGHT, WIDTH], "counts": counts}},
            {"bbox": [1, 1, 9, 9], "segmentation": []},
        ],
    )
    ready, layout = laid_out(data, tmp_path / "run", "mask")
    assert "1 of 4 objects are marked without mask and count neither way." in ready.describe()
    areas = []
    for shape in shapes_in(layout):
        canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
        (polygon,) = shape.polygons_px
        cv2.fillPoly(canvas, [np.array(polygon).reshape(-1, 2).round().astype(np.int32)], 1)
        areas.append(int(canvas.sum()))
    expected = sorted([21 * 21, 21 * 21 + 21 * 11, 25 * 55])
    assert all(abs(found - true) <= 0.06 * true for found, true in zip(sorted(areas), expected, strict=True))


def test_polygons_become_the_oriented_boxes_around_them(tmp_path: Path) -> None:
    corners = cv2.boxPoints(((40, 30), (30, 12), 25.0))
    middles = (corners + np.roll(corners, -1, axis=0)) / 2
    eight = np.stack([corners, middles], axis=1).reshape(-1).tolist()
    data = coco(tmp_path / "coco", [{"bbox": [20, 15, 40, 30], "segmentation": [eight]}] * 3)
    _, layout = laid_out(data, tmp_path / "run", "oriented")
    for shape in shapes_in(layout):
        found = np.array(shape.polygons_px[0]).reshape(-1, 2)
        near = np.abs(found[:, None] - corners[None]).sum(axis=2).min(axis=0)
        assert near.max() < 0.1


def test_keypoints_of_coco_keep_their_names_and_their_mirror(tmp_path: Path) -> None:
    points = [10, 10, 2, 30, 12, 1, 0, 0, 0]
    data = coco(
        tmp_path / "coco",
        [{"bbox": [5, 5, 40, 30], "keypoints": points}] * 3 + [{"bbox": [5, 5, 20, 20]}],
        keypoints=["left_eye", "right_eye", "nose"],
    )
    ready, layout = laid_out(data, tmp_path / "run", "keypoints", preset="light")
    assert ready.keypoints is not None
    assert ready.keypoints.names == ("left_eye", "right_eye", "nose")
    assert NOT_MIRRORED not in ready.notes
    document = yaml.safe_load(layout.read_text(encoding="utf-8"))
    assert (document["kpt_shape"], document["flip_idx"]) == ([3, 3], [1, 0, 2])
    marked = [tuple((round(x, 3), round(y, 3), v) for x, y, v in shape.keypoints) for shape in shapes_in(layout)]
    assert len(marked) == 4  # one without keypoints is learnt as a box
    assert marked.count(((10.0, 10.0, 2), (30.0, 12.0, 1), (0.0, 0.0, 0))) == 3


def test_keypoints_without_names_are_not_mirrored_and_that_is_said(tmp_path: Path) -> None:
    data = coco(tmp_path / "coco", [{"bbox": [5, 5, 40, 30], "keypoints": [10, 10, 2, 99, 12, 2]}] * 3)
    ready, layout = laid_out(data, tmp_path / "run", "keypoints", preset="strong")
    assert NOT_MIRRORED in ready.notes
    assert "flip_idx" not in yaml.safe_load(layout.read_text(encoding="utf-8"))
    # A point beside the picture would have ultralytics drop the picture.
    assert {shape.keypoints[1] for shape in shapes_in(layout)} == {(0.0, 0.0, 0)}


@pytest.mark.parametrize(
    ("annotations", "by", "said"),
    [
        ([{"keypoints": [1, 1, 2]}, {"keypoints": [1, 1, 2, 3, 3, 2]}], "keypoints", "marks 1 keypoints an object and"),
        ([{}] * 3, "mask", "no object of the data set has mask"),
        ([{"segmentation": {"counts": [7, 9]}}] * 3, "mask", "these run lengths are not those of a picture of 80x60"),
        ([{"segmentation": {"counts": "~~"}}] * 3, "mask", "is marked by run lengths, but '~'"),
    ],
)
def test_what_cannot_be_learnt_is_one_sentence(
    annotations: list[dict[str, Any]], by: Likeness, said: str, tmp_path: Path
) -> None:
    data = coco(tmp_path / "coco", [{"bbox": [5, 5, 40, 30]} | one for one in annotations])
    with pytest.raises(ConfigError, match=said) as caught:
        laid_out(data, tmp_path / "run", by, **({"fold": None, "val_share": 0.4} if len(annotations) < 3 else {}))
    assert "\n" not in str(caught.value)
