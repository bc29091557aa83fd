"""Overlaps of oriented boxes by OpenCV, pair by pair, in its single precision: what ours are compared with."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def overlaps_by_opencv(
    a_cxcywhr: NDArray[np.float32], b_cxcywhr: NDArray[np.float32], row: NDArray[np.intp], column: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return (P,) intersection over union of the pairs that row and column name."""
    iou = np.zeros(len(row))
    for at, (one, other) in enumerate(zip(a_cxcywhr[row].tolist(), b_cxcywhr[column].tolist(), strict=True)):
        a, b = ((box[:2], box[2:4], float(np.degrees(box[4]))) for box in (one, other))
        _, corners = cv2.rotatedRectangleIntersection(a, b)
        shared = 0.0 if corners is None else cv2.contourArea(cv2.convexHull(corners))
        iou[at] = shared / (np.prod(one[2:4]) + np.prod(other[2:4]) - shared)
    return iou


def near_pairs(random: np.random.Generator, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return two sets of (N, 5) oriented boxes, each a little beside, turned and larger than the other, or the same."""
    middle, side = random.uniform(0, 2000, (count, 2)), random.uniform(4, 200, (count, 2))
    a = np.column_stack([middle, side, random.uniform(-np.pi, np.pi, count)]).astype(np.float32)
    turned = random.choice([0, 0, np.pi / 2, 1e-7, 0.3], count)
    b = a + np.column_stack([random.normal(0, 20, (count, 2)), np.zeros((count, 2)), turned]).astype(np.float32)
    b[:, 2:4] *= random.uniform(0.5, 2, (count, 2)).astype(np.float32)
    b[: count // 10] = a[: count // 10]
    return a, b
