"""Objects at the edges of tiles: a box that an edge cuts off yields to one that shows the object whole.

Parts of objects have good scores, often better ones than the whole has elsewhere, and would suppress it. An object that
is no larger than the overlap is whole in one of the tiles; a larger one is, as a rule, found on the whole picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamvision.core.boxes import shares_inside
from streamvision.core.detections import Detections
from streamvision.core.resampling import Window

EDGE = 0.01
"""How near to a tile's edge, in shares of the tile, a box ends that was cut by it."""
INSIDE = 0.7
"""From which share of it on that lies in a box that is whole a box that was cut is a part of the same object."""
LEAST_SCORE = 0.5
"""Least score of the box that is whole, in scores of the one that was cut: a weak one may be anything."""

BLOCK = 64
"""Boxes that are compared with all others at a time; bounds the memory."""

Mask = NDArray[np.bool_]


def whole_first(
    parts: Sequence[Detections], windows: Sequence[Window], *, picture_px: tuple[int, int], agnostic: bool
) -> Detections:
    """Return what was found on all parts of one picture, without boxes that were cut where the whole was found, too.

    Args:
        parts: what was found on each, in pixels of the picture.
        windows: where each lies on it.
        picture_px: width and height of the picture, whose own edges cut nothing.
        agnostic: whether objects of different classes may be the same one.
    """
    pairs = [(found, window) for found, window in zip(parts, windows, strict=True) if len(found)]
    if not pairs:
        return Detections.empty()
    everything = Detections.concatenate([found for found, _ in pairs])
    cut = np.concatenate([_cut(found, window, picture_px) for found, window in pairs])
    if not cut.any() or cut.all():
        return everything
    ends, whole = np.flatnonzero(cut), everything[~cut]
    kept = np.ones(len(everything), np.bool_)
    for at in range(0, len(ends), BLOCK):
        block = ends[at : at + BLOCK]
        kept[block[_yields(everything[block], whole, agnostic=agnostic)]] = False
    return everything[kept]


def _cut(found: Detections, window: Window, picture_px: tuple[int, int]) -> Mask:
    """Say which boxes end at an edge of the part that is not one of the picture."""
    low, high = np.array(window[:2], np.float64), np.array(window[2:], np.float64)
    near = EDGE * (high - low)
    before = (found.box_xyxy_px[:, :2] < low + near) & (low > 0)
    behind = (found.box_xyxy_px[:, 2:] > high - near) & (high < picture_px)
    return np.asarray((before | behind).any(axis=1))


def _yields(cut: Detections, whole: Detections, *, agnostic: bool) -> Mask:
    """Say which of the boxes that were cut lie in one that is whole, of the same class and nearly as sure."""
    inside = shares_inside(cut.box_xyxy_px.astype(np.float64), whole.box_xyxy_px.astype(np.float64)) >= INSIDE
    inside &= whole.score[None] >= LEAST_SCORE * cut.score[:, None]
    if not agnostic:
        inside &= whole.class_id[None] == cut.class_id[:, None]
    return np.asarray(inside.any(axis=1))
