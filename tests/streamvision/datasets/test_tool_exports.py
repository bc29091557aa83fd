"""Data sets as labelling tools export them, unpacked as they are: all classes, boxes and splits are read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from streamvision.datasets import detect_format, read_dataset
from streamvision.datasets.dataset import Dataset
from support.labelled_pictures import reasons, save_picture

WIDTH_PX, HEIGHT_PX = 100, 50


def save_pictures(folder: Path, *names: str) -> None:
    for seed, name in enumerate(names):
        save_picture(folder / name, WIDTH_PX, HEIGHT_PX, seed=seed + len(folder.parts) * 100)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_lines(folder: Path, *names: str, class_id: int = 0) -> None:
    """Write a label file with one box for each picture."""
    for index, name in enumerate(names):
        write(folder / f"{name}.txt", f"{class_id} {0.2 + index / 10:g} 0.5 0.2 0.4\n")


def coco(names: Sequence[str], categories: Sequence[dict[str, Any]], *, category_id: int, left: int = 10) -> str:
    """Return a COCO table with a box on each picture, ten pixels further right from one to the next."""
    images = [{"id": n, "file_name": name, "width": WIDTH_PX, "height": HEIGHT_PX} for n, name in enumerate(names)]
    boxes = [{"id": n, "image_id": n, "bbox": [left + 10 * n, 5, 20, 20]} for n in range(len(names))]
    annotations = [box | {"category_id": category_id, "iscrowd": 0, "segmentation": []} for box in boxes]
    return json.dumps({"info": {}, "categories": list(categories), "images": images, "annotations": annotations})


def lefts(dataset: Dataset) -> dict[str, float]:
    """Return the left edge of each picture's box, by the picture's folder and name."""
    return {"/".join(image.path.parts[-2:]): round(image.boxes[0].box_xyxy_px[0]) for image in dataset.images}


def test_label_studio_yolo(tmp_path: Path) -> None:
    save_pictures(tmp_path / "images", "0a1b-street 0.jpg", "0a1b-street 1.jpg")
    write_lines(tmp_path / "labels", "0a1b-street 0", "0a1b-street 1", class_id=1)
    write(tmp_path / "classes.txt", "car\nperson")
    notes = {"categories": [{"id": 0, "name": "car"}, {"id": 1, "name": "person"}], "info": {"year": 2024}}
    write(tmp_path / "notes.json", json.dumps(notes, indent=2))
    assert detect_format(tmp_path) == "yolo"
    dataset = read_dataset(tmp_path)
    assert dataset.names == ("car", "person")
    assert [box.class_id for _, box in dataset.boxes()] == [1, 1]
    assert dataset.problems == ()


@pytest.mark.parametrize(
    "name",
    ["images/a.jpg", "images\\a.jpg", "/data/upload/7/a.jpg", "../../label-studio/data/local-files/?d=shots/a.jpg"],
)
def test_label_studio_coco(name: str, tmp_path: Path) -> None:
    save_pictures(tmp_path / "images", "a.jpg")
    write(tmp_path / "result.json", coco([name], [{"id": 0, "name": "car"}], category_id=0))
    dataset = read_dataset(tmp_path)
    assert lefts(dataset) == {"images/a.jpg": 10}
    assert dataset.problems == ()


def test_cvat_ultralytics(tmp_path: Path) -> None:
    save_pictures(tmp_path / "images" / "train", "f0.jpg", "f1.jpg")
    write_lines(tmp_path / "labels" / "train", "f0", "f1")
    write(tmp_path / "train.txt", "data/images/train/f0.jpg\ndata/images/train/f1.jpg\n")
    write(tmp_path / "data.yaml", "names:\n  0: car\npath: .\ntrain: train.txt\n")
    dataset = read_dataset(tmp_path)
    assert lefts(dataset.part("train")) == {"train/f0.jpg": 10, "train/f1.jpg": 20}
    assert dataset.problems == ()


def test_cvat_yolo_of_darknet(tmp_path: Path) -> None:
    for subset, file in (("train", "train.txt"), ("Validation", "Validation.txt")):
        save_pictures(tmp_path / f"obj_{subset}_data", f"{subset}0.jpg")
        write_lines(tmp_path / f"obj_{subset}_data", f"{subset}0")
        write(tmp_path / file, f"data/obj_{subset}_data/{subset}0.jpg\n")
    write(tmp_path / "obj.names", "car\nbus\n")
    write(tmp_path / "obj.data", "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n")
    dataset = read_dataset(tmp_path)
    assert dataset.names == ("car", "bus")
    assert [image.split for image in dataset.images] == ["val", "train"]
    assert dataset.problems == ()


def test_darknet_with_all_pictures_in_one_folder(tmp_path: Path) -> None:
    save_pictures(tmp_path / "obj", "0.jpg", "1.jpg", "2.jpg")
    write_lines(tmp_path / "obj", "0", "1", "2")
    write(tmp_path / "train.txt", "data/obj/0.jpg\ndata/obj/2.jpg\n")
    write(tmp_path / "valid.txt", "data/obj/1.jpg\n")
    write(tmp_path / "obj.names", "car\n")
    assert [image.split for image in read_dataset(tmp_path).images] == ["train", "val", "train"]


def test_cvat_coco_of_pictures_in_folders(tmp_path: Path) -> None:
    for camera in ("cam1", "cam2"):
        save_pictures(tmp_path / "images" / "default" / camera, "00.jpg")
    categories = [{"id": 1, "name": "car", "supercategory": ""}]
    table = coco(["cam1/00.jpg", "cam2/00.jpg"], categories, category_id=1)
    write(tmp_path / "annotations" / "instances_default.json", table)
    assert lefts(read_dataset(tmp_path)) == {"cam1/00.jpg": 10, "cam2/00.jpg": 20}


def test_roboflow_yolo(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        save_pictures(tmp_path / split / "images", f"{split}_jpg.rf.0123.jpg")
        write_lines(tmp_path / split / "labels", f"{split}_jpg.rf.0123", class_id=1)
    more = "nc: 2\nnames: ['bus', 'car']\n\nroboflow:\n  workspace: w\n  version: 1\n"
    write(tmp_path / "data.yaml", f"train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\n{more}")
    write(tmp_path / "README.roboflow.txt", "signs - v1\n")
    dataset = read_dataset(tmp_path)
    assert [image.split for image in dataset.images] == ["test", "train", "val"]
    assert {dataset.names[box.class_id] for _, box in dataset.boxes()} == {"car"}
    assert dataset.problems == ()


def test_roboflow_darknet(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        save_pictures(tmp_path / split, f"{split}_jpg.rf.0123.jpg")
        write_lines(tmp_path / split, f"{split}_jpg.rf.0123", class_id=1)
        write(tmp_path / split / "_darknet.labels", "bus\ncar")
    dataset = read_dataset(tmp_path)
    assert dataset.names == ("bus", "car")
    assert [image.split for image in dataset.images] == ["train", "val"]
    assert dataset.problems == ()


def test_roboflow_coco_has_no_class_of_its_supercategory(tmp_path: Path) -> None:
    categories = [
        {"id": 0, "name": "vehicles", "supercategory": "none"},
        {"id": 1, "name": "bus", "supercategory": "vehicles"},
        {"id": 2, "name": "car", "supercategory": "vehicles"},
    ]
    for split in ("train", "valid"):
        save_pictures(tmp_path / split, f"{split}_jpg.rf.0123.jpg")
        write(
            tmp_path / split / "_annotations.coco.json", coco([f"{split}_jpg.rf.0123.jpg"], categories, category_id=2)
        )
    dataset = read_dataset(tmp_path)
    assert dataset.names == ("bus", "car")
    assert {dataset.names[box.class_id] for _, box in dataset.boxes()} == {"car"}
    (remark,) = reasons(dataset, "other")
    assert "lists vehicles as a class, which is the supercategory of others and has no box; left out" in remark


@pytest.mark.parametrize(
    ("categories", "marked"),
    [
        ([{"id": 0, "name": "bike", "supercategory": "none"}, {"id": 1, "name": "car", "supercategory": "bike"}], 0),
        ([{"id": 1, "name": "car", "supercategory": "none"}, {"id": 2, "name": "bus", "supercategory": "none"}], 1),
        ([{"id": 1, "name": "car", "supercategory": "car"}, {"id": 2, "name": "bus", "supercategory": "bus"}], 1),
        ([{"id": 1, "name": "car", "supercategory": "land"}, {"id": 2, "name": "bus", "supercategory": "car"}], 2),
    ],
    ids=["with boxes", "without above", "of itself", "with one above"],
)
def test_other_classes_without_boxes_stay(categories: list[dict[str, Any]], marked: int, tmp_path: Path) -> None:
    save_pictures(tmp_path, "a.jpg")
    write(tmp_path / "a.json", coco(["a.jpg"], categories, category_id=marked))
    assert read_dataset(tmp_path).names == tuple(one["name"] for one in categories)


def test_ultralytics_hub(tmp_path: Path) -> None:
    for split in ("train", "val"):
        save_pictures(tmp_path / "signs" / "images" / split, f"{split}.jpg")
        write_lines(tmp_path / "signs" / "labels" / split, split)
    text = "path:  # root (leave empty for HUB)\ntrain: images/train\nval: images/val\ntest:\n\nnames:\n  0: car\n"
    write(tmp_path / "signs" / "signs.yaml", text)
    for folder in (tmp_path / "signs", tmp_path):
        dataset = read_dataset(folder)
        assert dataset.names == ("car",)
        assert [image.split for image in dataset.images] == ["train", "val"]
        assert dataset.problems == ()


def test_make_sense(tmp_path: Path) -> None:
    save_pictures(tmp_path, "a.png", "b.png")
    write_lines(tmp_path, "a", "b", class_id=1)
    write(tmp_path / "labels.txt", "bus\ncar\n")
    dataset = read_dataset(tmp_path)
    assert dataset.names == ("bus", "car")
    assert [box.class_id for _, box in dataset.boxes()] == [1, 1]


@pytest.mark.parametrize("root", ["/home/me/export", "C:\\export"])
def test_fiftyone_yolo(root: str, tmp_path: Path) -> None:
    for split in ("train", "val"):
        save_pictures(tmp_path / "images" / split, f"{split}.jpg")
        write_lines(tmp_path / "labels" / split, split)
    text = f"names:\n  0: car\npath: {root}\ntrain: ./images/train/\nval: ./images/val/\n"
    write(tmp_path / "dataset.yaml", text)
    dataset = read_dataset(tmp_path)
    assert [image.split for image in dataset.images] == ["train", "val"]
    assert dataset.problems == ()


def test_fiftyone_coco(tmp_path: Path) -> None:
    save_pictures(tmp_path / "data", "00.jpg", "00-2.jpg")
    categories = [{"id": 1, "name": "car", "supercategory": None}]
    write(tmp_path / "labels.json", coco(["00.jpg", "00-2.jpg"], categories, category_id=1))
    assert lefts(read_dataset(tmp_path)) == {"data/00.jpg": 10, "data/00-2.jpg": 20}


CAR = [{"id": 1, "name": "car"}]
CAMERAS = ["cam1/00.jpg", "cam1/01.jpg", "cam2/00.jpg", "cam2/01.jpg"]


@pytest.mark.parametrize("moved", ["", "frames", "frames/2024", "images/day"])
@pytest.mark.parametrize("prefix", ["", "old/", "/home/me/", "D:\\shots\\"])
def test_equal_names_in_folders_of_cameras(moved: str, prefix: str, tmp_path: Path) -> None:
    save_pictures(tmp_path / moved, *CAMERAS)
    names = [prefix + (name.replace("/", "\\") if "\\" in prefix else name) for name in CAMERAS]
    write(tmp_path / "annotations" / "instances_val.json", coco(names, CAR, category_id=1))
    dataset = read_dataset(tmp_path)
    assert lefts(dataset) == dict(zip(CAMERAS, (10, 20, 30, 40), strict=True))
    assert dataset.problems == ()


def test_a_lost_picture_is_not_that_of_another_camera(tmp_path: Path) -> None:
    save_pictures(tmp_path / "frames", "cam1/00.jpg", "cam2/01.jpg")
    write(tmp_path / "a.json", coco(["cam2/00.jpg", "cam1/00.jpg"], CAR, category_id=1))
    dataset = read_dataset(tmp_path)
    assert lefts(dataset) == {"cam1/00.jpg": 20}
    assert reasons(dataset, "missing_picture") == [
        "a.json: names the picture 00.jpg, which is not frames/cam1/00.jpg, since the folder has another name; left out"
    ]


def test_names_without_their_camera_are_not_guessed(tmp_path: Path) -> None:
    save_pictures(tmp_path, "cam1/00.jpg", "cam2/00.jpg", "cam2/01.jpg")
    write(tmp_path / "a.json", coco(["00.jpg", "01.jpg"], CAR, category_id=1))
    dataset = read_dataset(tmp_path)
    assert lefts(dataset) == {"cam2/01.jpg": 20}
    assert reasons(dataset, "missing_picture") == [
        "a.json: names the picture 00.jpg, which may be cam1/00.jpg or cam2/00.jpg, which only its folder would tell; "
        "left out"
    ]


@pytest.mark.parametrize(
    "table", ["annotations/{}.json", "annotations/instances_{}.json", "annotations/{}/a.json", "{}/labels/a.json"]
)
@pytest.mark.parametrize("pictures", ["{}", "images/{}", "{}/shots"])
def test_a_table_for_each_camera(table: str, pictures: str, tmp_path: Path) -> None:
    for left, camera in ((10, "cam1"), (40, "cam2")):
        save_pictures(tmp_path / pictures.format(camera), "00.jpg")
        write(tmp_path / table.format(camera), coco(["00.jpg"], CAR, category_id=1, left=left))
    dataset = read_dataset(tmp_path)
    assert [round(box.box_xyxy_px[0]) for _, box in dataset.boxes()] == [10, 40]
    assert ["cam1" in str(image.path) for image in dataset.images] == [True, False]
    assert dataset.problems == ()
