"""How much boxes overlap: all pairs of two sets, those that touch, and oriented ones."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Boxes = NDArray[np.floating[Any]]


class Overlap(NamedTuple):
    """The pairs of boxes that have area in common."""

    row: NDArray[np.intp]
    """(P,) index of the first box."""
    column: NDArray[np.intp]
    """(P,) index of the second box."""
    iou: Boxes
    """(P,) their intersection over union, above 0 and up to 1."""


def overlapping(a_xyxy: Boxes, b_xyxy: Boxes) -> Overlap:
    """Return which of (A, 4) and (B, 4) boxes overlap and by how much, ordered by row, then column.

    Most pairs of boxes on a picture do not touch; this lists those that do.
    """
    a_edge = np.array(a_xyxy.T, order="C")[:, :, None]
    b_edge = np.array(b_xyxy.T, a_edge.dtype, order="C")[:, None]
    touch = a_edge[:2] < b_edge[2:]
    touch &= a_edge[2:] > b_edge[:2]
    row, column = (touch[0] & touch[1]).nonzero()
    a, b = a_xyxy.take(row, axis=0).T, b_xyxy.take(column, axis=0).T
    shared, a_size, b_size = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), a[2:] - a[:2], b[2:] - b[:2]
    intersection = shared[0] * shared[1]
    union = a_size[0] * a_size[1] + b_size[0] * b_size[1] - intersection
    return Overlap(row, column, intersection / union)


def overlaps(boxes: F64, others: F64) -> F64:
    """Return (N, M) intersection over union of (N, 4) and (M, 4) boxes: left, top, right, bottom."""
    shared = _intersections(boxes, others)
    union = areas(boxes)[:, None] + areas(others)[None] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def shares_inside(boxes: F64, regions: F64) -> F64:
    """Return (N, M) how much of each box lies inside each region, 0..1; COCO's overlap with crowds."""
    shared = _intersections(boxes, regions)
    own = np.broadcast_to(areas(boxes)[:, None], shared.shape)
    return np.divide(shared, own, out=np.zeros_like(shared), where=own > 0)


def oriented_overlaps(a_cxcywhr: Boxes, b_cxcywhr: Boxes, near: NDArray[np.bool_]) -> F64:
    """Return (N, M) intersection over union of oriented boxes (cx, cy, w, h, radians), 0 where ``near`` is false."""
    overlaps = np.zeros((len(a_cxcywhr), len(b_cxcywhr)))
    a, b = ([_rotated(row) for row in rows.tolist()] for rows in (a_cxcywhr, b_cxcywhr))
    for row, column in np.argwhere(near).tolist():
        _, corners = cv2.rotatedRectangleIntersection(a[row], b[column])
        shared = 0.0 if corners is None else cv2.contourArea(cv2.convexHull(corners))
        union = np.prod(a[row][1]) + np.prod(b[column][1]) - shared
        overlaps[row, column] = min(shared / union, 1.0) if union > 0 else 0.0
    return overlaps


def areas(boxes: F64) -> F64:
    """Return (N,) the area of each box in square pixels."""
    area: F64 = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return area


def _intersections(boxes: F64, others: F64) -> F64:
    near = np.maximum(boxes[:, None, :2], others[None, :, :2])
    far = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    sides = np.clip(far - near, 0, None)
    area: F64 = sides[..., 0] * sides[..., 1]
    return area


def _rotated(row: list[float]) -> tuple[tuple[float, float], tuple[float, float], float]:
    center_x, center_y, width, height, angle_rad = row
    return (center_x, center_y), (width, height), float(np.degrees(angle_rad))
