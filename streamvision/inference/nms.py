"""Greedy non-maximum suppression: of boxes that overlap, the best stays; exact, without a loop over boxes in Python."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.config.model import MAX_DETECTIONS, ModelConfig
from streamvision.inference.heads.base import Candidates
from streamvision.inference.model_card import ModelCard

MAX_CANDIDATES = MAX_DETECTIONS
"""Most boxes that are compared, the best by score. The time grows with the square: 5000 take up to 80 ms."""
FIRST_PREFIX = 4
"""How many times ``max_detections`` are compared at first; see :func:`suppress`."""
MIN_SIDE_PX = 0.01
"""A box thinner than this has no area worth the name; its overlap with anything is not defined."""
FARTHEST_PX = 1e6
"""Coordinates are cut here. OpenCV keeps classes apart by an offset, and boxes at 1e30 px would drown it."""


ORIENTED_BLOCK = 256
"""Oriented boxes that are compared with all better ones at once; bounds the memory."""
OVERLAP_FLOOR = 1e-7
"""Keeps quotients and roots of :func:`suppress_oriented` defined; the value is the reference's, so that results are."""


def best_candidates(
    candidates: Candidates, lowest: NDArray[np.float32], *, card: ModelCard, config: ModelConfig
) -> Candidates:
    """Return the candidates of one picture that become its objects, the best score first.

    Args:
        candidates: what the network proposes.
        lowest: (classes,) lowest score of each class.
        card: of the model; whether it has suppressed duplicates itself, and whether its boxes are oriented.
        config: how duplicates are told, and how many objects there may be.
    """
    reached = candidates.score >= lowest[candidates.class_id]
    if not reached.all():
        candidates = candidates[reached]
    limit = config.max_detections
    if card.nms_inside:
        return candidates[(-candidates.score).argsort(kind="stable")[:limit]]
    chosen = suppress_oriented if card.task == "obb" else suppress
    return candidates[chosen(candidates, iou=config.iou, agnostic=config.agnostic_nms, max_detections=limit)]


def suppress(candidates: Candidates, *, iou: float, agnostic: bool, max_detections: int) -> NDArray[np.intp]:
    """Return the indices of the candidates that stay, the best score first; equal scores keep their order.

    A box goes when its intersection over union with a better one that stays is above ``iou``, within its class, or
    across classes where ``agnostic``. Boxes of no area (or turned inside out) are dropped.

    Whether a box stays depends only on better boxes. So the best few are compared first, and the rest only when
    those did not yield ``max_detections``: the result is the same, and a flood of weak boxes costs little.
    """
    boxes = candidates.box_xyxy_px.astype(np.float64).clip(-FARTHEST_PX, FARTHEST_PX)
    boxes[:, 2:] -= boxes[:, :2]
    order = (-candidates.score).argsort(kind="stable")
    solid = (boxes[:, 2] >= MIN_SIDE_PX) & (boxes[:, 3] >= MIN_SIDE_PX)
    if not solid.all():
        order = order[solid[order]]
    order = order[:MAX_CANDIDATES]
    if len(order) < 2:
        return order
    xywh = boxes[order].tolist()  # whose items OpenCV reads in half the time of an array's
    class_id: Any = np.zeros(len(order), np.int32) if agnostic else candidates.class_id[order]
    # OpenCV sorts by score and drops scores of 0, so it is given the rank, which is never 0 and has no ties.
    rank: Any = np.arange(len(order), 0, -1, dtype=np.float32)
    # It holds the limit in float32; rounded up, an overlap of exactly ``iou`` is never above it.
    limit = float(np.nextafter(np.float32(iou), np.float32(2)))
    compared = FIRST_PREFIX * max_detections
    while True:
        kept = cv2.dnn.NMSBoxesBatched(xywh[:compared], rank[:compared], class_id[:compared], 0.0, limit)
        if len(kept) >= max_detections or compared >= len(order):
            return order[kept[:max_detections]]
        compared *= 4


def suppress_oriented(candidates: Candidates, *, iou: float, agnostic: bool, max_detections: int) -> NDArray[np.intp]:
    """Return the indices of the oriented candidates that stay, the best score first; arguments as for :func:`suppress`.

    The overlap is the probabilistic IoU of "Gaussian Bounding Boxes and Probabilistic Intersection-over-Union for
    Object Detection" (arXiv:2106.06072): one minus the Hellinger distance of two normal distributions that have the
    boxes' centres, directions and second moments. As in ultralytics, a box goes when any better one of its class
    overlaps it above ``iou``, whether that one stays or not (fast NMS, arXiv:1904.02689).

    Raises:
        ValueError: when the candidates carry no oriented boxes.
    """
    if candidates.extra is None or candidates.extra.shape[1:] != (5,):
        raise ValueError("oriented suppression needs candidates whose extra values are (N, 5) oriented boxes")
    boxes = candidates.extra.astype(np.float64)
    boxes[:, :4] = np.clip(boxes[:, :4], -FARTHEST_PX, FARTHEST_PX)
    solid = np.flatnonzero((boxes[:, 2:4] >= MIN_SIDE_PX).all(axis=1))
    order = solid[np.argsort(-candidates.score[solid], kind="stable")][:MAX_CANDIDATES]
    normals = _Normals(boxes[order])
    class_id = np.zeros(len(order), np.int32) if agnostic else candidates.class_id[order]
    kept: list[NDArray[np.intp]] = []
    found = 0
    for start in range(0, len(order), ORIENTED_BLOCK):
        stop = min(start + ORIENTED_BLOCK, len(order))
        better, row = np.nonzero(
            (class_id[:stop, None] == class_id[start:stop])
            & (np.arange(stop)[:, None] < np.arange(start, stop))
            & normals.may_overlap(start, stop, above=iou)
        )
        gone = np.zeros(stop - start, np.bool_)
        gone[row[normals.overlap(better, row + start) > iou]] = True
        kept.append(np.flatnonzero(~gone) + start)
        found += len(kept[-1])
        if found >= max_detections:
            break
    return order[np.concatenate(kept)[:max_detections]] if kept else order


class _Normals:
    """Normal distributions in place of oriented boxes: a box of side s has the variance s * s / 12 along it."""

    def __init__(self, cxcywhr: NDArray[np.float64]) -> None:
        self._x, self._y = cxcywhr[:, 0], cxcywhr[:, 1]
        along, across = (cxcywhr[:, 2:4] ** 2 / 12).T
        cos, sin = np.cos(cxcywhr[:, 4]), np.sin(cxcywhr[:, 4])
        self._xx = along * cos**2 + across * sin**2
        self._yy = along * sin**2 + across * cos**2
        self._xy = (along - across) * cos * sin
        self._area = np.sqrt(np.maximum(self._xx * self._yy - self._xy**2, 0))
        self._widest = np.maximum(along, across)

    def may_overlap(self, start: int, stop: int, *, above: float) -> NDArray[np.bool_]:
        """Return (stop, stop - start) whether two are near enough for more overlap than ``above``; cheap, never wrong.

        The Bhattacharyya distance is at least a quarter of the squared distance by the widest variance, summed.
        """
        limit = -4 * np.log(max(1 - (1 - above) ** 2, 1e-12))
        distance = (self._x[:stop, None] - self._x[start:stop]) ** 2 + (self._y[:stop, None] - self._y[start:stop]) ** 2
        near: NDArray[np.bool_] = distance <= limit * (self._widest[:stop, None] + self._widest[start:stop]) * 1.001
        return near

    def overlap(self, one: NDArray[np.intp], other: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the probabilistic IoU of pairs."""
        xx, yy = self._xx[one] + self._xx[other], self._yy[one] + self._yy[other]
        xy = self._xy[one] + self._xy[other]
        dx, dy = self._x[one] - self._x[other], self._y[one] - self._y[other]
        joint = xx * yy - xy**2
        apart = (xx * dy**2 + yy * dx**2 - 2 * xy * dx * dy) / (4 * (joint + OVERLAP_FLOOR))
        shape = joint / (4 * self._area[one] * self._area[other] + OVERLAP_FLOOR) + OVERLAP_FLOOR
        distance = np.clip(apart + np.log(shape) / 2, OVERLAP_FLOOR, 100)
        overlap: NDArray[np.float64] = 1 - np.sqrt(1 - np.exp(-distance) + OVERLAP_FLOOR)
        return overlap
