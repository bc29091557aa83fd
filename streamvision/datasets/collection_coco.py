"""The labelled pictures of a collection in one COCO document (https://cocodataset.org/#format-data).

Pictures are put into the document and taken out one by one. What others have written into it stays, as far as it is
COCO.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import Any

from streamvision.datasets.coco_json import box_entry
from streamvision.datasets.dataset import LabelledImage


def file_names(document: dict[str, Any]) -> set[str]:
    """Return the names of the pictures in a document."""
    return {entry["file_name"] for entry in _lists(document)[0]}


def put_images(document: dict[str, Any], given: Iterable[LabelledImage], names: Sequence[str]) -> dict[str, Any]:
    """Return the document with pictures and their boxes, in place of those that they had; ids go on from the highest.

    Args:
        document: COCO, or nothing.
        given: the pictures and their boxes.
        names: all classes by their ids, which begin with 1 in COCO.
    """
    images, annotations = _lists(document)
    new = {image.path.name: image for image in given}
    image_ids: dict[str, int] = {}
    for entry in images:
        if (name := entry["file_name"]) in new:
            image_ids[name] = min(entry["id"], image_ids.get(name, entry["id"]))
    next_id = 1 + max((entry["id"] for entry in images), default=0)
    replaced = {entry["id"] for entry in images if entry["file_name"] in new}
    images = [entry for entry in images if entry["file_name"] not in new]
    annotations = [entry for entry in annotations if entry["image_id"] not in replaced]
    next_box = 1 + max((entry["id"] for entry in annotations), default=0)
    for name, image in new.items():
        if (image_id := image_ids.get(name)) is None:
            image_id, next_id = next_id, next_id + 1
        images.append({"id": image_id, "file_name": name, "width": image.width_px, "height": image.height_px})
        annotations += [
            {"id": at, "image_id": image_id, **box_entry(box)} for at, box in enumerate(image.boxes, next_box)
        ]
        next_box += len(image.boxes)
    return _document(document, images, annotations, names)


def remove_images(document: dict[str, Any], gone: Set[str], names: Sequence[str]) -> dict[str, Any]:
    """Return the document without the pictures of these file names and without their boxes."""
    images, annotations = _lists(document)
    ids = {entry["id"] for entry in images if entry["file_name"] in gone}
    return _document(
        document,
        [entry for entry in images if entry["file_name"] not in gone],
        [entry for entry in annotations if entry["image_id"] not in ids],
        names,
    )


def _document(
    before: dict[str, Any], images: list[dict[str, Any]], annotations: list[dict[str, Any]], names: Sequence[str]
) -> dict[str, Any]:
    categories = [{"id": index, "name": name, "supercategory": ""} for index, name in enumerate(names, 1)]
    return before | {"images": images, "annotations": annotations, "categories": categories}


def _lists(document: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the images and annotations of a document, without what is none."""
    images = [
        entry
        for entry in _entries(document, "images")
        if _is_id(entry, "id") and isinstance(entry.get("file_name"), str)
    ]
    annotations = [
        entry for entry in _entries(document, "annotations") if _is_id(entry, "id") and _is_id(entry, "image_id")
    ]
    return images, annotations


def _entries(document: dict[str, Any], key: str) -> list[dict[str, Any]]:
    given = document.get(key)
    return [entry for entry in given if isinstance(entry, dict)] if isinstance(given, list) else []


def _is_id(entry: dict[str, Any], key: str) -> bool:
    value = entry.get(key)
    return type(value) is int and 0 <= value < 1 << 53
