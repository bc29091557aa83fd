"""Figures of objects that were placed in space: overlaps, errors in metres and degrees, KITTI's average precision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from streamvision.core.cuboid import Corners, Cuboid
from streamvision.datasets.dataset import CuboidPicture, LabelledCuboid
from streamvision.evaluation.cuboid.kitti import LEVELS, PictureMatch, average_precision
from streamvision.evaluation.cuboid.overlap import cuboid_overlaps
from streamvision.evaluation.predictions import rounded

IOUS = (0.5, 0.7)
"""From which overlap on an object counts as found; KITTI's for cars is 0.7."""
RANGES_M = ((0.0, 20.0), (20.0, 40.0), (40.0, math.inf))
Precisions = dict[str, dict[str, float | None]]


@dataclass(frozen=True, eq=False)
class PlacedCuboid:
    """One marked object, and where it was put."""

    image: CuboidPicture
    """The picture, with its camera."""
    marked: LabelledCuboid
    """What is marked."""
    cuboid: Cuboid
    """Where it was put."""
    score: float
    """How sure that is, 0..1."""

    @property
    def range_m(self) -> float:
        """How far ahead of the camera the marked object is."""
        return self.marked.cuboid.center_m[2]

    @property
    def distance_error_m(self) -> float:
        """How much farther it was put, ahead of the camera."""
        return self.cuboid.center_m[2] - self.range_m

    @property
    def yaw_error_deg(self) -> float:
        """Angle between its yaw and the marked one, 0..180."""
        return math.degrees(abs(math.remainder(self.marked.cuboid.yaw_rad - self.cuboid.yaw_rad, 2 * math.pi)))

    @property
    def size_error_m(self) -> float:
        """Mean error of its length, width and height."""
        return float(np.abs(np.subtract(self.marked.cuboid.size_lwh_m, self.cuboid.size_lwh_m)).mean())

    @cached_property
    def ious(self) -> tuple[float, float]:
        """Intersection over union with the marked one, in space and seen from above."""
        in_space, above = cuboid_overlaps([self.marked.cuboid], [self.cuboid])
        return float(in_space[0, 0]), float(above[0, 0])


@dataclass(frozen=True, eq=False)
class PlacedBox:
    """A box on a picture, and where what is in it was put."""

    class_id: int
    """What it was taken for."""
    box_xyxy_px: Corners
    """Left, top, right and bottom."""
    cuboid: Cuboid
    """Where it was put."""
    score: float
    """How sure that is, 0..1."""


@dataclass(frozen=True, eq=False)
class PlacedPicture:
    """What is marked on a picture, and what was placed there."""

    marked: tuple[LabelledCuboid, ...]
    boxes: tuple[PlacedBox, ...]


@dataclass(frozen=True)
class PlacingFigures:
    """How well some objects are placed."""

    objects: int
    """How many."""
    iou_3d: float
    """Mean intersection over union in space."""
    iou_bev: float
    """Mean intersection over union seen from above."""
    distance_error: float
    """Mean error of the distance, as a share of it."""
    distance_error_m: float
    """Mean error of the distance of the middle, ahead of the camera."""
    yaw_error_deg: float
    """Median error of the yaw."""
    wrong_way_share: float
    """Share of the objects whose yaw is wrong by more than a quarter turn."""
    size_error_m: float
    """Mean error of length, width and height."""

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {name: rounded(value) for name, value in vars(self).items() if isinstance(value, float | int)}


FIGURES = {
    "iou_3d": "mean 3-D IoU",
    "iou_bev": "mean bird's-eye IoU",
    "distance_error_m": "distance error, m",
    "distance_error": "distance error, share",
    "yaw_error_deg": "yaw error, degrees (median)",
    "wrong_way_share": "yaw wrong by over 90 degrees, share",
    "size_error_m": "size error, m",
}
"""Those of :class:`PlacingFigures` in words, in the order of tables."""


@dataclass(frozen=True)
class CuboidFigures(PlacingFigures):
    """How well all objects are placed, and those of each kind."""

    by_class: dict[str, PlacingFigures]
    """By class name, of those that occur."""
    by_range: dict[str, PlacingFigures]
    """By how far objects are, in metres, of those ranges that occur."""
    ap_3d: dict[str, Precisions]
    """Average precision in space by class, least overlap and KITTI's level."""
    ap_bev: dict[str, Precisions]
    """The same seen from above."""

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        groups = {
            name: {group: figures.to_json() for group, figures in getattr(self, name).items()}
            for name in ("by_class", "by_range")
        }
        precisions = {
            name: {
                kind: {iou: {level: rounded(ap) for level, ap in levels.items()} for iou, levels in by_iou.items()}
                for kind, by_iou in getattr(self, name).items()
            }
            for name in ("ap_3d", "ap_bev")
        }
        return {**super().to_json(), **groups, **precisions}


def figures_of(
    placed: Sequence[PlacedCuboid], names: tuple[str, ...], pictures: Sequence[PlacedPicture] | None = None
) -> CuboidFigures:
    """Measure where objects were put.

    Args:
        placed: the objects whose errors count, at least one.
        names: class names by class id.
        pictures: what average precision is of; by default of these objects, which all have a box.
    """
    kinds = {name: [one for one in placed if one.marked.class_id == number] for number, name in enumerate(names)}
    ranges = {
        _range_name(least_m, most_m): [one for one in placed if least_m <= one.range_m < most_m]
        for least_m, most_m in RANGES_M
    }
    if pictures is None:
        pictures = _pictures_of(placed)
    above, in_space = (_precisions(pictures, names, from_above=from_above) for from_above in (True, False))
    return CuboidFigures(
        **vars(_means(placed)),
        by_class={name: _means(own) for name, own in kinds.items() if own},
        by_range={name: _means(own) for name, own in ranges.items() if own},
        ap_3d=in_space,
        ap_bev=above,
    )


def _range_name(least_m: float, most_m: float) -> str:
    return f"{least_m:g}-{most_m:g}" if math.isfinite(most_m) else f"{least_m:g}+"


def _means(placed: Sequence[PlacedCuboid]) -> PlacingFigures:
    in_space, above = np.array([one.ious for one in placed]).mean(axis=0).tolist()
    error_m = np.abs([one.distance_error_m for one in placed])
    yaw_deg = np.array([one.yaw_error_deg for one in placed])
    return PlacingFigures(
        objects=len(placed),
        iou_3d=in_space,
        iou_bev=above,
        distance_error=float((error_m / [one.range_m for one in placed]).mean()),
        distance_error_m=float(error_m.mean()),
        yaw_error_deg=float(np.median(yaw_deg)),
        wrong_way_share=float((yaw_deg > 90).mean()),
        size_error_m=float(np.mean([one.size_error_m for one in placed])),
    )


def _pictures_of(placed: Sequence[PlacedCuboid]) -> list[PlacedPicture]:
    by_path: dict[Path, list[PlacedCuboid]] = {}
    for one in placed:
        by_path.setdefault(one.image.path, []).append(one)
    return [
        PlacedPicture(
            tuple(one.marked for one in group),
            tuple(PlacedBox(one.marked.class_id, one.marked.box_xyxy_px, one.cuboid, one.score) for one in group),
        )
        for group in by_path.values()
    ]


def _precisions(
    pictures: Sequence[PlacedPicture], names: tuple[str, ...], *, from_above: bool
) -> dict[str, Precisions]:
    found: dict[str, Precisions] = {}
    for class_id, name in enumerate(names):
        if not any(one.class_id == class_id for picture in pictures for one in picture.marked):
            continue
        matches = [_match(picture, class_id, from_above=from_above) for picture in pictures]
        found[name] = {
            f"{least_iou:g}": {level.name: average_precision(matches, level, least_iou=least_iou) for level in LEVELS}
            for least_iou in IOUS
        }
    return found


def _match(picture: PlacedPicture, class_id: int, *, from_above: bool) -> PictureMatch:
    marked = [one for one in picture.marked if one.class_id == class_id]
    placed = [one for one in picture.boxes if one.class_id == class_id]
    in_space, above = cuboid_overlaps([one.cuboid for one in placed], [one.cuboid for one in marked])
    height_px = np.array([one.box_xyxy_px[3] - one.box_xyxy_px[1] for one in placed])
    score = np.array([one.score for one in placed])
    return PictureMatch(marked, score, height_px, above if from_above else in_space)
