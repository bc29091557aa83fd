"""Which part of an object is private: all of a face or plate, the head of a person, where a vehicle has plates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
MARGIN = 0.15
"""Detectors cut chins and the edges of plates: each part is that much larger on each side."""

_WHOLE = ("face", "head", "plate", "license", "licence", "number_plate")
_PEOPLE = ("person", "pedestrian", "people", "man", "woman", "child", "rider", "cyclist")
_VEHICLES = ("car", "truck", "bus", "van", "motorcycle", "motorbike", "vehicle")
_HEAD = (0.1, 0.0, 0.9, 0.32)
"""Of a standing person, in fractions of the box; of one that sits, the head is a larger part."""
_SITTING_HEAD = (0.0, 0.0, 1.0, 0.5)
_PLATES = (0.0, 0.35, 1.0, 1.0)


def private_parts(class_names: Sequence[str], boxes_xyxy_px: F64) -> F64:
    """Return the (M, 4) private parts of objects; none of those of other classes.

    Args:
        class_names: of each object.
        boxes_xyxy_px: (N, 4) its box.
    """
    parts = [
        part for name, box in zip(class_names, boxes_xyxy_px, strict=True) if (part := _part(name, box)) is not None
    ]
    return np.array(parts, np.float64).reshape(-1, 4)


def are_private(class_names: Sequence[str]) -> bool:
    """Say whether a model that knows these classes finds anything private."""
    return any(_part(name, np.array([0.0, 0.0, 1.0, 1.0])) is not None for name in class_names)


def widened(boxes_xyxy_px: F64, margin: float = MARGIN) -> F64:
    """Return boxes that are larger on each side by a fraction of their own size."""
    size = boxes_xyxy_px[:, 2:] - boxes_xyxy_px[:, :2]
    return np.concatenate([boxes_xyxy_px[:, :2] - margin * size, boxes_xyxy_px[:, 2:] + margin * size], axis=1)


def _part(class_name: str, box: F64) -> F64 | None:
    words = class_name.lower().replace("-", "_").replace(" ", "_")
    if any(word in words for word in _WHOLE):
        return widened(box[None]).reshape(4)
    if words in _PEOPLE:
        width, height = box[2:] - box[:2]
        return _fraction(box, _HEAD if height > 1.8 * width else _SITTING_HEAD)
    return _fraction(box, _PLATES) if words in _VEHICLES else None


def _fraction(box: F64, fraction: tuple[float, float, float, float]) -> F64:
    size = np.tile(box[2:] - box[:2], 2)
    part: F64 = np.tile(box[:2], 2) + np.array(fraction) * size
    return part
