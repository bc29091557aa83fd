"""Which detection found which object, by COCO's rule at one overlap.

Within a class, the best score chooses first and takes the free object that it overlaps most. What then falls into a
crowd or onto a difficult object counts neither way. See https://cocodataset.org/#detection-eval.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from streamvision.core.boxes import overlaps, shares_inside
from streamvision.core.detections import Detections
from streamvision.evaluation.predictions import Predictions, Truth

HIT_IOU = 0.5
"""Overlap from which an object counts as found."""
MAX_OF_CLASS = 100
"""Most detections of one class on one picture, the best by score; COCO's limit."""

Objects = np.ma.MaskedArray[tuple[int, ...], np.dtype[np.int64]]


@dataclass(frozen=True, eq=False)
class ImageMatch:
    """One picture: detections by falling score, and what became of them."""

    truth: Truth
    """What is marked."""
    box_xyxy_px: NDArray[np.float64]
    """(N, 4) boxes of the detections."""
    score: NDArray[np.float64]
    """(N,) scores, falling."""
    class_id: NDArray[np.int64]
    """(N,) classes."""
    object_index: Objects
    """(N,) the marked object that each detection found, masked where it found none."""
    ignored: NDArray[np.bool_]
    """(N,) whether a detection counts neither as right nor as wrong."""

    @property
    def hit(self) -> NDArray[np.bool_]:
        """(N,) whether a detection found an object that counts."""
        return ~np.ma.getmaskarray(self.object_index)

    @property
    def false(self) -> NDArray[np.bool_]:
        """(N,) whether a detection is wrong."""
        return ~self.hit & ~self.ignored

    @cached_property
    def found(self) -> NDArray[np.bool_]:
        """(M,) whether each marked object was found."""
        found = np.zeros(len(self.truth.class_id), bool)
        found[self.object_index.compressed()] = True
        return found

    @property
    def unfound(self) -> NDArray[np.bool_]:
        """(M,) whether each marked object counts and was not found."""
        return ~self.found & ~self.truth.ignore

    @cached_property
    def iou(self) -> NDArray[np.float64]:
        """(N, M) overlap of detections and marked objects."""
        return overlaps(self.box_xyxy_px, self.truth.box_xyxy_px)


def match_predictions(predictions: Predictions, *, lowest_score: float = 0.0) -> list[ImageMatch]:
    """Return what became of the detections of each picture that reach a score."""
    return [
        match_image(found[found.score >= lowest_score], Truth.of(image))
        for image, found in zip(predictions.images, predictions.found, strict=True)
    ]


def match_image(found: Detections, truth: Truth, *, hit_iou: float = HIT_IOU) -> ImageMatch:
    """Return what became of the detections of one picture; an object is found from an overlap of ``hit_iou`` on."""
    order = np.argsort(-found.score, kind="stable")
    order = order[_rank_in_class(found.class_id[order]) < MAX_OF_CLASS]
    boxes = found.box_xyxy_px[order].astype(np.float64)
    class_id = found.class_id[order].astype(np.int64)
    same_class = class_id[:, None] == truth.class_id[None]
    iou = np.where(same_class & ~truth.ignore, overlaps(boxes, truth.box_xyxy_px), 0.0)
    object_index = np.ma.MaskedArray(np.zeros(len(order), np.int64), mask=True)
    # Each detection's choice depends on those before it; only rows that can hit anything are visited.
    for row in np.flatnonzero((iou >= hit_iou).any(axis=1)):
        best = int(iou[row].argmax())
        if iou[row, best] >= hit_iou:
            object_index[row] = best
            iou[:, best] = 0.0
    in_crowd = shares_inside(boxes, truth.box_xyxy_px[truth.ignore]) >= hit_iou
    ignored = np.ma.getmaskarray(object_index) & (in_crowd & same_class[:, truth.ignore]).any(axis=1)
    score = found.score[order].astype(np.float64)
    return ImageMatch(truth, boxes, score, class_id, object_index, ignored)


def _rank_in_class(class_id: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return (N,) how many of the same class stand before each row."""
    rank = np.zeros(len(class_id), np.int64)
    order = np.argsort(class_id, kind="stable")
    grouped = class_id[order]
    starts = np.flatnonzero(np.r_[True, grouped[1:] != grouped[:-1]]) if len(grouped) else np.empty(0, np.int64)
    rank[order] = np.arange(len(grouped)) - np.repeat(starts, np.diff(np.r_[starts, len(grouped)]))
    return rank
