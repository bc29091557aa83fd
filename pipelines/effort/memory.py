"""What is known of a stream's picture, put together from looks at its parts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.effort.look import Look
from pipelines.inference import Found
from pipelines.tracking.assignment import overlapping
from streamvision.detections import Detections
from streamvision.resampling import Window

SAME_IOU = 0.3
"""Overlap from which an object of one look is that of the look before."""
EDGE = 0.01
"""How near to a part's edge, in shares of the part, a box ends that was cut by it."""

Mask = NDArray[np.bool_]


class Memory:
    """The newest findings on each part of one stream's picture.

    One thread :meth:`update`-s it; any may read :attr:`boxes` and :attr:`unsettled`.
    """

    def __init__(self, *, sure_score: float) -> None:
        self._sure_score = sure_score
        self.reset()

    def reset(self) -> None:
        """Forget everything, as after a reconnect."""
        self._known = Found(Detections.empty(), None)
        self.unsettled: NDArray[np.float32] = np.empty((0, 4), np.float32)
        """(N, 4) boxes of objects that came or went with the newest look, which one more look should confirm."""

    @property
    def boxes(self) -> NDArray[np.float32]:
        """(N, 4) boxes of the objects that are known now, in pixels of the picture."""
        return self._known.detections.box_xyxy_px

    def update(self, look: Look, found: Found | None) -> Found:
        """Take what a look has found and return all that is known of the picture.

        Args:
            look: what the network was shown.
            found: what it found there, in pixels of the whole picture; ``None`` where it was not called.
        """
        if found is None:
            return self._known
        before = self._known.detections
        if look.window is None:
            inside = np.ones(len(before), np.bool_)
            self._known = found
        else:
            inside = _centred_in(before, look.window)
            fresh = found.detections[np.flatnonzero(~_cut_copies(found.detections, before[~inside], look.window))]
            self._known = Found(_joined(before[~inside], fresh), found.whole)
        self.unsettled = _came_or_went(before[inside], found.detections, self._sure_score)
        return self._known


def _centred_in(detections: Detections, window: Window) -> Mask:
    box = detections.box_xyxy_px
    center = (box[:, :2] + box[:, 2:]) / 2
    return np.asarray(((center >= window[:2]) & (center < window[2:])).all(axis=1))


def _cut_copies(fresh: Detections, kept: Detections, window: Window) -> Mask:
    """Say which fresh boxes end at the part's edge and lie on an object that is kept as it was seen in whole."""
    low, high = np.array(window[:2]), np.array(window[2:])
    near = EDGE * (high - low)
    box = fresh.box_xyxy_px
    cut = ((box[:, :2] < low + near) | (box[:, 2:] > high - near)).any(axis=1)
    copies = np.zeros(len(fresh), np.bool_)
    if cut.any() and len(kept):
        copies[overlapping(kept.box_xyxy_px, box).column] = True
    return np.asarray(copies & cut)


def _came_or_went(before: Detections, after: Detections, sure_score: float) -> NDArray[np.float32]:
    """Return the boxes of objects that only one of two looks at the same place saw."""
    sure_before = before[before.score >= sure_score].box_xyxy_px
    sure_after = after[after.score >= sure_score].box_xyxy_px
    gone = _without_partner(sure_before, after.box_xyxy_px)
    new = _without_partner(sure_after, before.box_xyxy_px)
    return np.concatenate([sure_before[gone], sure_after[new]])


def _without_partner(box_xyxy_px: NDArray[np.float32], others_xyxy_px: NDArray[np.float32]) -> Mask:
    alone = np.ones(len(box_xyxy_px), np.bool_)
    pairs = overlapping(box_xyxy_px, others_xyxy_px)
    alone[pairs.row[pairs.iou >= SAME_IOU]] = False
    return alone


def _joined(first: Detections, second: Detections) -> Detections:
    """Return the rows of both; what only one of them has, such as masks, goes with the empty other."""
    if not len(first):
        return second
    if not len(second):
        return first
    return Detections.concatenate([first, second])
