from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streamvision.datasets import read_dataset, write_dataset
from support.labelled_pictures import contents, make_dataset, reasons, save_picture


def document(**changes: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 7, "file_name": "a.jpg", "width": 60, "height": 40}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 18, "bbox": [1.5, 2, 10, 20.25], "iscrowd": 0}],
        "categories": [{"id": 18, "name": "dog"}, {"id": 3, "name": "car"}],
    } | changes


def write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_ids_with_gaps_become_places_in_their_order(tmp_path: Path) -> None:
    save_picture(tmp_path / "val2017" / "a.jpg")
    write(tmp_path / "annotations" / "instances_val2017.json", document())
    dataset = read_dataset(tmp_path)
    assert dataset.names == ("car", "dog")
    assert [(box.class_id, box.box_xyxy_px) for _, box in dataset.boxes()] == [(1, (1.5, 2, 11.5, 22.25))]
    assert dataset.images[0].split == "val"
    assert dataset.problems == ()
    assert read_dataset(tmp_path / "annotations" / "instances_val2017.json").images == dataset.images


def test_splits_are_told_by_folders_too(tmp_path: Path) -> None:
    for split, seed in (("train", 0), ("valid", 1)):
        save_picture(tmp_path / split / "a.jpg", seed=seed)
        write(tmp_path / split / "_annotations.coco.json", document())
    dataset = read_dataset(tmp_path)
    assert [(image.path.parent.name, image.split) for image in dataset.images] == [("train", "train"), ("valid", "val")]


def test_whatever_is_broken_is_named_and_the_rest_read(tmp_path: Path) -> None:
    save_picture(tmp_path / "images" / "a.jpg")
    save_picture(tmp_path / "images" / "stray.jpg", seed=1)
    good = {"id": 1, "image_id": 7, "category_id": 18, "bbox": [1, 2, 10, 20]}
    write(
        tmp_path / "instances.json",
        document(
            images=[*document()["images"], {"id": 8, "file_name": "gone.jpg"}, {"id": 9}],
            annotations=[
                good,
                good | {"category_id": 99},
                good | {"bbox": [1, 2, 10]},
                good | {"bbox": [1, 2, 0, 9]},
                {"image_id": 7},
                good | {"image_id": 1234},
            ],
        ),
    )
    dataset = read_dataset(tmp_path)
    assert len(list(dataset.boxes())) == 1
    assert "category_id 99" in reasons(dataset, "bad_class")[0]
    assert len(reasons(dataset, "bad_box")) == 3
    assert any("image_id 1234" in reason for reason in reasons(dataset, "missing_picture"))
    assert any("gone.jpg" in reason for reason in reasons(dataset, "missing_picture"))
    assert reasons(dataset, "unlabelled_picture") == ["stray.jpg: is named in no JSON file; left out"]
    assert "without file_name or id" in reasons(dataset, "broken_labels")[0]


def test_a_picture_in_two_files_is_a_leak(tmp_path: Path) -> None:
    save_picture(tmp_path / "images" / "a.jpg")
    for split in ("train", "val"):
        write(tmp_path / "annotations" / f"instances_{split}.json", document())
    dataset = read_dataset(tmp_path)
    assert reasons(dataset, "leak") == ["a.jpg: stands in train and in val; counted once, in the first"]


def test_an_independent_reader_sees_the_same(tmp_path: Path) -> None:
    reference = pytest.importorskip("faster_coco_eval")
    dataset = make_dataset(tmp_path / "in", split=False)
    write_dataset(dataset, tmp_path / "out", format="coco")
    coco = reference.COCO(str(tmp_path / "out" / "annotations" / "instances.json"))
    names = {category["id"]: category["name"] for category in coco.loadCats(coco.getCatIds())}
    seen = {}
    for image in coco.loadImgs(coco.getImgIds()):
        boxes = [
            (names[a["category_id"]], *(round(v, 2) for v in (x, y, x + w, y + h)))
            for a in coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]]))
            for x, y, w, h in [a["bbox"]]
        ]
        seen[image["file_name"]] = (None, image["width"], image["height"], sorted(boxes))
    assert seen == contents(dataset)
