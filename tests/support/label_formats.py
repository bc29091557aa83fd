"""Data sets as the labelling tools write them, for formats that are only read."""

from __future__ import annotations

import base64
import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

from streamvision.datasets.dataset import Dataset


def write_cvat(dataset: Dataset, folder: Path) -> None:
    """Write ``annotations.xml`` and ``images/``, as a task is exported with its pictures."""
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    labels = ElementTree.SubElement(ElementTree.SubElement(ElementTree.SubElement(root, "meta"), "task"), "labels")
    for name in dataset.names:
        ElementTree.SubElement(ElementTree.SubElement(labels, "label"), "name").text = name
    for number, image in enumerate(dataset.images):
        size = {"width": str(image.width_px), "height": str(image.height_px)}
        item = ElementTree.SubElement(root, "image", {"id": str(number), "name": image.path.name, **size})
        for box in image.boxes:
            corners = dict(zip(("xtl", "ytl", "xbr", "ybr"), map(str, box.box_xyxy_px), strict=True))
            ElementTree.SubElement(item, "box", {"label": dataset.names[box.class_id], "occluded": "0", **corners})
    _copy(dataset, folder / "images")
    ElementTree.ElementTree(root).write(folder / "annotations.xml", encoding="utf-8", xml_declaration=True)


def write_labelme(dataset: Dataset, folder: Path) -> None:
    """Write a JSON file beside each picture, as labelme saves them, and ``labels.txt``."""
    _copy(dataset, folder)
    for number, image in enumerate(dataset.images):
        shapes = []
        for box in image.boxes:
            left, top, right, bottom = box.box_xyxy_px
            points = [[right, top], [left, bottom]] if number % 2 else [[left, top], [right, bottom]]
            shape = {"label": dataset.names[box.class_id], "points": points, "group_id": None, "flags": {}}
            shapes.append(shape | {"shape_type": "rectangle"})
        document = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": image.path.name}
        inside = base64.b64encode(image.path.read_bytes()).decode() if number % 2 else None
        document |= {"imageData": inside, "imageHeight": image.height_px, "imageWidth": image.width_px}
        (folder / f"{image.path.stem}.json").write_text(json.dumps(document), encoding="utf-8")
    (folder / "labels.txt").write_text("\n".join(("__ignore__", "_background_", *dataset.names)), encoding="utf-8")


def write_createml(dataset: Dataset, folder: Path) -> None:
    """Write one JSON file for all pictures, with names as in addresses, and ``classes.txt``."""
    document = []
    for image in dataset.images:
        marked = []
        for box in image.boxes:
            left, top, right, bottom = box.box_xyxy_px
            place = {"x": (left + right) / 2, "y": (top + bottom) / 2, "width": right - left, "height": bottom - top}
            marked.append({"label": dataset.names[box.class_id], "coordinates": place})
        document.append({"image": quote(image.path.name), "annotations": marked})
    _copy(dataset, folder)
    (folder / "_annotations.createml.json").write_text(json.dumps(document), encoding="utf-8")
    (folder / "classes.txt").write_text("\n".join(dataset.names), encoding="utf-8")


def write_kitti(dataset: Dataset, folder: Path) -> None:
    """Write ``training/image_2`` and ``training/label_2``; names lose their blanks, which KITTI cannot say."""
    _copy(dataset, folder / "training" / "image_2")
    labels = folder / "training" / "label_2"
    labels.mkdir(parents=True)
    for image in dataset.images:
        lines = [
            f"{dataset.names[box.class_id].replace(' ', '_')} 0.00 0 -1.58 "
            f"{' '.join(f'{value:.2f}' for value in box.box_xyxy_px)} 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59\n"
            for box in image.boxes
        ]
        (labels / f"{image.path.stem}.txt").write_text("".join(lines), encoding="utf-8")
    names = [name.replace(" ", "_") for name in dataset.names]
    (folder / "classes.txt").write_text("\n".join(names), encoding="utf-8")


def write_open_images(dataset: Dataset, folder: Path) -> None:
    """Write ``images/``, a table of boxes, and class descriptions with one class more than is used."""
    _copy(dataset, folder / "images")
    header = (
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
    )
    with (folder / "annotations-bbox.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header.split(","))
        for image in dataset.images:
            for box in image.boxes:
                left, top, right, bottom = box.box_xyxy_px
                shares = (
                    left / image.width_px,
                    right / image.width_px,
                    top / image.height_px,
                    bottom / image.height_px,
                )
                flags = (0, 0, int(box.ignore), 0, 0)
                writer.writerow((image.path.stem, "xclick", f"/m/0{box.class_id}", 1, *shares, *flags))
    with (folder / "class-descriptions-boxable.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [("/m/0x", "Unused"), *((f"/m/0{at}", name) for at, name in enumerate(dataset.names))]
        )


ONLY_READ: dict[str, Callable[[Dataset, Path], None]] = {
    "cvat": write_cvat,
    "labelme": write_labelme,
    "createml": write_createml,
    "kitti": write_kitti,
    "openimages": write_open_images,
}
"""By the name of the format."""


def _copy(dataset: Dataset, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for image in dataset.images:
        shutil.copyfile(image.path, folder / image.path.name)
