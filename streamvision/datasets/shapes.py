"""Outlines and keypoints of objects, as COCO's JSON and YOLO's text files write them.

COCO: https://cocodataset.org/#format-data. YOLO: https://docs.ultralytics.com/datasets/segment/,
https://docs.ultralytics.com/datasets/pose/, https://docs.ultralytics.com/datasets/obb/ (four corners, which are a
polygon too).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streamvision.core.errors import ConfigError
from streamvision.datasets.dataset import LabelledShape

LEAST_CORNERS = 3
VISIBLE = 2


def coco_shape(entry: dict[str, Any]) -> LabelledShape | None:
    """Return what a COCO annotation marks beyond the box; ``None`` where it marks nothing that can be used."""
    polygons: list[tuple[float, ...]] = []
    counts: tuple[int, ...] | str | None = None
    outline = entry.get("segmentation")
    if isinstance(outline, dict) and isinstance(outline.get("counts"), (list, str)):
        given = outline["counts"]
        counts = given if isinstance(given, str) else tuple(int(run) for run in given)
    elif isinstance(outline, list):
        polygons = [tuple(map(float, one)) for one in outline if _is_polygon(one)]
    flat = entry.get("keypoints")
    keypoints: list[tuple[float, float, int]] = []
    if isinstance(flat, list) and len(flat) % 3 == 0 and all(isinstance(value, (int, float)) for value in flat):
        keypoints = [(float(x), float(y), int(v)) for x, y, v in zip(flat[::3], flat[1::3], flat[2::3], strict=True)]
    if not polygons and counts is None and not keypoints:
        return None
    area = entry.get("area")
    stated = float(area) if isinstance(area, (int, float)) and math.isfinite(area) and area > 0 else None
    return LabelledShape(tuple(polygons), counts, tuple(keypoints), stated)


def polygon_shape(values: Sequence[float], width_px: int, height_px: int) -> LabelledShape | None:
    """Return an outline from x, y, x, y, ... in shares of the picture; ``None`` with fewer than three corners."""
    if len(values) < 2 * LEAST_CORNERS:
        return None
    size = (width_px, height_px)
    return LabelledShape((tuple(value * size[at % 2] for at, value in enumerate(values)),))


def keypoints_shape(values: Sequence[float], each: int, width_px: int, height_px: int) -> LabelledShape:
    """Return keypoints from their values in shares of the picture.

    Args:
        values: x, y and, where ``each`` is 3, the visibility of each keypoint; without it (0, 0) is one not marked.
        each: values of a keypoint, 2 or 3.
        width_px: the picture's.
        height_px: the picture's.
    """
    points = [values[at : at + each] for at in range(0, len(values), each)]
    return LabelledShape(
        keypoints=tuple(
            (
                point[0] * width_px,
                point[1] * height_px,
                int(point[2]) if each > 2 else VISIBLE * int(any(point)),
            )
            for point in points
        )
    )


def keypoint_shape(document: dict[str, Any], path: Path) -> tuple[int, int] | None:
    """Return how many keypoints ``data.yaml`` says that an object has, and how many values each; ``None`` without.

    Raises:
        ConfigError: when ``kpt_shape`` is not two such numbers.
    """
    given = document.get("kpt_shape")
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != 2 or not all(isinstance(n, int) and n > 0 for n in given):
        raise ConfigError(f"{path}: kpt_shape is {given!r}; give the number of keypoints and 2 or 3 values, as [17, 3]")
    if given[1] not in (2, 3):
        raise ConfigError(f"{path}: kpt_shape gives a keypoint {given[1]} values; it has 2 (x, y) or 3 (visibility)")
    return given[0], given[1]


def _is_polygon(given: Any) -> bool:
    if not isinstance(given, list) or len(given) < 2 * LEAST_CORNERS or len(given) % 2:
        return False
    return all(isinstance(value, (int, float)) and math.isfinite(value) for value in given)
