"""Greedy non-maximum suppression: of boxes that overlap, the best stays; exact, without a loop over boxes in Python."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.heads.base import Candidates

MAX_CANDIDATES = 5000
"""Most boxes that are compared, the best by score. The time grows with the square: 5000 take up to 80 ms."""
FIRST_PREFIX = 4
"""How many times ``max_detections`` are compared at first; see :func:`suppress`."""
MIN_SIDE_PX = 0.01
"""A box thinner than this has no area worth the name; its overlap with anything is not defined."""
FARTHEST_PX = 1e6
"""Coordinates are cut here. OpenCV keeps classes apart by an offset, and boxes at 1e30 px would drown it."""


def suppress(candidates: Candidates, *, iou: float, agnostic: bool, max_detections: int) -> NDArray[np.intp]:
    """Return the indices of the candidates that stay, the best score first; equal scores keep their order.

    A box goes when its intersection over union with a better one that stays is above ``iou``, within its class, or
    across classes where ``agnostic``. Boxes of no area (or turned inside out) are dropped.

    Whether a box stays depends only on better boxes. So the best few are compared first, and the rest only when
    those did not yield ``max_detections``: the result is the same, and a flood of weak boxes costs little.
    """
    boxes: Any = np.clip(candidates.box_xyxy_px.astype(np.float64), -FARTHEST_PX, FARTHEST_PX)
    boxes[:, 2:] -= boxes[:, :2]
    solid = np.flatnonzero((boxes[:, 2:] >= MIN_SIDE_PX).all(axis=1))
    order = solid[np.argsort(-candidates.score[solid], kind="stable")][:MAX_CANDIDATES]
    boxes = boxes[order]
    class_id: Any = np.zeros(len(order), np.int32) if agnostic else candidates.class_id[order]
    # OpenCV sorts by score and drops scores of 0, so it is given the rank, which is never 0 and has no ties.
    rank: Any = np.arange(len(order), 0, -1, dtype=np.float32)
    # It holds the limit in float32; rounded up, an overlap of exactly ``iou`` is never above it.
    limit = float(np.nextafter(np.float32(iou), np.float32(2)))
    compared = FIRST_PREFIX * max_detections
    while len(order):
        kept = cv2.dnn.NMSBoxesBatched(boxes[:compared], rank[:compared], class_id[:compared], 0.0, limit)
        if len(kept) >= max_detections or compared >= len(order):
            return order[kept[:max_detections]]
        compared *= 4
    return order
