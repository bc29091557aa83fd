"""What is known of a stream's picture, put together from inference on its parts.

A box that was found once is not evidence again on the frames that the network is not shown: given to the tracker frame
after frame, one that flickered up would be confirmed by its own echo. So only objects with an identity are given to the
tracker again; unconfirmed ones are reported as they were, and inferred for a while until they have one or are gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.adaptive.tiles import seen_whole
from streamvision.core.boxes import overlapping
from streamvision.core.detections import Detections
from streamvision.core.image_result import ImageResult
from streamvision.core.inference_plan import InferencePlan
from streamvision.core.resampling import Window
from streamvision.inference.model import Prediction

SAME_IOU = 0.3
"""Overlap from which an object is that of the inference before."""
EDGE = 0.01
"""How near to a part's edge, in shares of the part, a box ends that was cut by it."""

Mask = NDArray[np.bool_]


class Memory:
    """The newest predictions on each part of one stream's picture.

    One thread calls :meth:`update` and then :meth:`keep`; any may read :attr:`boxes` and :attr:`unsettled`.
    """

    def __init__(self, *, sure_score: float) -> None:
        self.sure_score = sure_score
        """From this score on an object that comes or goes is unsettled."""
        self.reset()

    def reset(self) -> None:
        """Forget everything, as after a reconnect."""
        self._known = Prediction(Detections.empty(), None)
        self._unconfirmed: Mask = np.empty(0, np.bool_)
        self._unseen_unconfirmed = Detections.empty()
        self._came_or_went = self.unsettled = np.empty((0, 4), np.float32)
        """(N, 4) boxes of objects that came or went with the newest inference, or have no identity yet."""

    @property
    def boxes(self) -> NDArray[np.float32]:
        """(N, 4) boxes of the objects that are known now, in pixels of the picture."""
        return self._known.detections.box_xyxy_px

    def update(self, plan: InferencePlan, found: Prediction | None) -> Prediction:
        """Take a new prediction; return what is known of the picture, without unconfirmed objects of earlier frames.

        Args:
            plan: what the network was shown.
            found: what it found there, in pixels of the full picture; ``None`` where it was not called.
        """
        before = self._known.detections
        if found is None:
            inside = np.zeros(len(before), np.bool_)
            fresh, image_result = Detections.empty(), self._known.image_result
        elif plan.kind == "full":
            inside = np.ones(len(before), np.bool_)
            fresh, image_result = found.detections, found.image_result
        else:
            windows = [window for window in plan.windows if window is not None]
            if plan.tiles:  # they may cut objects that do not move, which then stay as they are known
                inside = seen_whole(before.box_xyxy_px, windows, margin=0.0)
            else:
                inside = _centred_in(before, windows[0])
            copies = _cut_copies(found.detections, before[~inside], windows)
            fresh, image_result = found.detections[np.flatnonzero(~copies)], found.image_result
        if found is not None:
            self._came_or_went = _came_or_went(before[inside], found.detections, self.sure_score)
        self._unseen_unconfirmed = before[~inside & self._unconfirmed]
        return Prediction(_joined(before[~inside & ~self._unconfirmed], fresh), image_result)

    def keep(self, tracked: Detections, image_result: ImageResult | None) -> Detections:
        """Remember what the tracker made of it; return that with the unconfirmed objects that it was not given.

        Args:
            tracked: objects with their identities; without a tracker, without.
            image_result: what is known of the picture as a whole.
        """
        everything = self.with_unconfirmed(tracked)
        self._unconfirmed = np.zeros(len(tracked), np.bool_)
        if everything.track_id is not None:
            self._unconfirmed = np.ma.getmaskarray(everything.track_id)
        self._known = Prediction(replace(everything, track_id=None), image_result)
        self.unsettled = np.concatenate([self._came_or_went, everything.box_xyxy_px[self._unconfirmed]])
        return everything

    def with_unconfirmed(self, tracked: Detections) -> Detections:
        """Return tracked objects with the unconfirmed ones that the tracker was not given, as they were found."""
        if tracked.track_id is None:
            return tracked
        nobody = np.ma.MaskedArray(np.zeros(len(self._unseen_unconfirmed), np.int64), mask=True)
        return _joined(tracked, replace(self._unseen_unconfirmed, track_id=nobody))


def _centred_in(detections: Detections, window: Window) -> Mask:
    box = detections.box_xyxy_px
    center = (box[:, :2] + box[:, 2:]) / 2
    return np.asarray(((center >= window[:2]) & (center < window[2:])).all(axis=1))


def _cut_copies(fresh: Detections, kept: Detections, windows: Sequence[Window]) -> Mask:
    """Say which fresh boxes end at the edges of the parts and lie on an object that is known uncut."""
    box = fresh.box_xyxy_px
    cut = ~seen_whole(box, windows, margin=EDGE)
    copies = np.zeros(len(fresh), np.bool_)
    if cut.any() and len(kept):
        copies[overlapping(kept.box_xyxy_px, box).column] = True
    return np.asarray(copies & cut)


def _came_or_went(before: Detections, after: Detections, sure_score: float) -> NDArray[np.float32]:
    """Return the boxes of objects that only one of two predictions of the same place has."""
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
