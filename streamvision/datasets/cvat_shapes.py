"""The shapes of CVAT: each with the upright box around it, and its outline."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamvision.datasets.collector import Corners
from streamvision.datasets.dataset import LabelledShape

_ELLIPSE_POINTS = 64
_FARTHEST_PX = 1e9
"""Numbers beyond it are no coordinates, and their squares no numbers of 32 bits."""
_MAX_MASK_PX = 200_000_000
"""As many as the largest picture that is read."""


class BadShapeError(ValueError):
    """A shape lacks what makes it one; the message is a clause that follows its name."""


@dataclass(frozen=True, eq=False)
class Outline:
    """What is marked of one object."""

    box_xyxy_px: Corners
    """The upright box around it."""
    points_px: NDArray[np.float64] | None = None
    """(N, 2) its corners; ``None`` for a mask."""
    mask: NDArray[np.uint8] | None = None
    """(H, W) the pixels of the box, 1 where they are of the object."""
    is_upright: bool = False
    """Whether the corners are those of the box."""

    def shape(self, size_px: tuple[int, int], *, upright_too: bool) -> LabelledShape | None:
        """Return the outline on a picture of this width and height; of an upright box only where that is asked for."""
        if self.mask is not None:
            return _run_lengths(self.mask, self.box_xyxy_px, size_px)
        if self.points_px is None or (self.is_upright and not upright_too):
            return None
        return LabelledShape((tuple(float(value) for value in self.points_px.ravel()),))


def outline_of(tag: str, attributes: Mapping[str, str]) -> Outline:
    """Return the outline of a shape.

    Raises:
        BadShapeError: when its numbers are missing or are none.
    """
    return AREAS[tag](attributes)


def _box(attributes: Mapping[str, str]) -> Outline:
    left, top, right, bottom = (_number(attributes, key) for key in ("xtl", "ytl", "xbr", "ybr"))
    turn = _number(attributes, "rotation", default=0.0)
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    if not turn % 360:
        return Outline((left, top, right, bottom), corners, is_upright=True)
    if right <= left or bottom <= top:
        raise BadShapeError("has no width or no height")
    return _around(_turned(corners, ((left + right) / 2, (top + bottom) / 2), turn))


def _polygon(attributes: Mapping[str, str]) -> Outline:
    points = _points(attributes.get("points", ""))
    if len(points) < 3:
        raise BadShapeError(f"has {len(points)} points, where three make an area")
    return _around(points)


def _ellipse(attributes: Mapping[str, str]) -> Outline:
    x, y, rx, ry = (_number(attributes, key) for key in ("cx", "cy", "rx", "ry"))
    turn = math.radians(_number(attributes, "rotation", default=0.0))
    half_width = math.hypot(rx * math.cos(turn), ry * math.sin(turn))
    half_height = math.hypot(rx * math.sin(turn), ry * math.cos(turn))
    angles = np.linspace(0, 2 * np.pi, _ELLIPSE_POINTS, endpoint=False)
    rim = np.stack([x + abs(rx) * np.cos(angles), y + abs(ry) * np.sin(angles)], axis=1)
    box = (x - half_width, y - half_height, x + half_width, y + half_height)
    return Outline(box, _turned(rim, (x, y), math.degrees(turn)))


def _mask(attributes: Mapping[str, str]) -> Outline:
    """Return a mask that is given by run lengths of its rows, which begin with what is not of it."""
    left, top, width, height = (_number(attributes, key) for key in ("left", "top", "width", "height"))
    if not (0 < width <= _MAX_MASK_PX and 0 < height <= _MAX_MASK_PX and width * height <= _MAX_MASK_PX):
        raise BadShapeError(f"has a mask of {width:g}x{height:g} pixels")
    box = (left, top, left + width, top + height)
    runs = _runs(attributes.get("rle", ""))
    if runs.sum() != int(width) * int(height):
        raise BadShapeError(f"has run lengths of {runs.sum():,} pixels for a mask of {width:g}x{height:g}")
    mask = np.repeat((np.arange(len(runs)) % 2).astype(np.uint8), runs).reshape(int(height), int(width))
    return Outline(box, mask=mask)


def _cuboid(attributes: Mapping[str, str]) -> Outline:
    keys = [f"{side}{end}" for end in ("1", "2") for side in ("tl", "bl", "tr", "br")]
    return _hull(np.array([(_number(attributes, f"x{key}"), _number(attributes, f"y{key}")) for key in keys]))


AREAS: dict[str, Callable[[Mapping[str, str]], Outline]] = {
    "box": _box,
    "polygon": _polygon,
    "ellipse": _ellipse,
    "mask": _mask,
    "cuboid": _cuboid,
}
"""By the element's name; shapes that mark an area."""


def _number(attributes: Mapping[str, str], key: str, *, default: float | None = None) -> float:
    text = attributes.get(key, "")
    if not text and default is not None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= _FARTHEST_PX:
        raise BadShapeError(f"has no number for {key} ({text!r:.40})")
    return value


def _points(text: str) -> NDArray[np.float64]:
    """Return (N, 2) the points of ``x,y;x,y;...``."""
    try:
        points = np.array([[float(value) for value in pair.split(",")] for pair in text.split(";") if pair], float)
    except ValueError:
        points = np.zeros((0, 0))
    if points.size and (points.ndim != 2 or points.shape[1] != 2 or not (np.abs(points) <= _FARTHEST_PX).all()):
        points = np.zeros((0, 0))
    if not points.size:
        raise BadShapeError(f"has no points ({text!r:.40})")
    return points


def _runs(text: str) -> NDArray[np.int64]:
    parts = text.split(",")
    if not all(part.strip().isdigit() and len(part.strip()) < 10 for part in parts):
        raise BadShapeError(f"has no run lengths ({text!r:.40})")
    return np.array([int(part) for part in parts], np.int64)


def _turned(points: NDArray[np.float64], centre: Sequence[float], degrees: float) -> NDArray[np.float64]:
    """Return points turned about a centre, clockwise as seen, since y grows downwards."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    turned: NDArray[np.float64] = (points - centre) @ np.array([(cosine, sine), (-sine, cosine)]) + np.asarray(centre)
    return turned


def _around(points: NDArray[np.float64]) -> Outline:
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return Outline((float(left), float(top), float(right), float(bottom)), points)


def _hull(points: NDArray[np.float64]) -> Outline:
    import cv2

    return _around(cv2.convexHull(points.astype(np.float32)).reshape(-1, 2).astype(np.float64))


def _run_lengths(mask: NDArray[np.uint8], box: Corners, size_px: tuple[int, int]) -> LabelledShape | None:
    """Return a mask as COCO's run lengths over the columns of the whole picture; ``None`` where it is not inside."""
    left, top = (int(value) for value in box[:2])
    height, width = mask.shape
    if left < 0 or top < 0 or left + width > size_px[0] or top + height > size_px[1] or max(size_px) > _FARTHEST_PX:
        return None
    columns, rows = np.nonzero(np.diff(mask.T, prepend=0, append=0, axis=1))
    places, times = np.unique((left + columns) * size_px[1] + top + rows, return_counts=True)
    changes = places[times == 1]  # a column that reaches the bottom goes on at the top of the next
    edges = np.concatenate([[0], changes, [size_px[0] * size_px[1]]])
    return LabelledShape(rle_counts=tuple(int(run) for run in np.diff(edges)), area_px=float(mask.sum()) or None)
