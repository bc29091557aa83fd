"""How much boxes overlap: all pairs of two sets, those that touch, and oriented ones."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Boxes = NDArray[np.floating[Any]]
Float = TypeVar("Float", bound=np.floating[Any])
PAIRS_AT_A_TIME = 16384
"""Pairs of oriented boxes that are compared at a time; bounds the memory, and fits a processor's cache."""


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
    row, column = near.nonzero()
    overlaps[row, column] = oriented_pair_overlaps(a_cxcywhr, b_cxcywhr, row, column)
    return overlaps


def oriented_pair_overlaps(a_cxcywhr: Boxes, b_cxcywhr: Boxes, row: NDArray[np.intp], column: NDArray[np.intp]) -> F64:
    """Return (P,) intersection over union of pairs of oriented boxes (cx, cy, w, h, radians), of the exact area.

    Args:
        a_cxcywhr: (N, 5) boxes.
        b_cxcywhr: (M, 5) boxes.
        row: (P,) index of the first box of each pair.
        column: (P,) index of the second one.
    """
    iou = np.empty(len(row))
    for at in range(0, len(row), PAIRS_AT_A_TIME):
        part = slice(at, at + PAIRS_AT_A_TIME)
        a, b = a_cxcywhr[row[part]].astype(np.float64), b_cxcywhr[column[part]].astype(np.float64)
        shared = _oriented_intersections(a, b)
        union = a[:, 2] * a[:, 3] + b[:, 2] * b[:, 3] - shared
        iou[part] = np.minimum(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0), 1.0)
    return iou


def cut_at_edges(box_xyxy_px: NDArray[Float], picture_px: tuple[int, int]) -> NDArray[Float]:
    """Return (N, 4) boxes without what lies outside of a picture of that width and height.

    >>> cut_at_edges(np.array([[-2.5, 4, 30, 50]]), (64, 48)).tolist()
    [[0.0, 4.0, 30.0, 48.0]]
    """
    return box_xyxy_px.clip(0, np.array(picture_px * 2, box_xyxy_px.dtype))


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


def _oriented_intersections(a: F64, b: F64) -> F64:
    """Return (P,) the area that (P, 5) pairs of oriented boxes share.

    Seen from the middle of ``b`` and along its sides, that is the area of the quadrangle ``a`` where x and y are within
    half the sides of ``b``. By Green's theorem it is the integral of y, kept within these bounds, over dx along the
    edges of ``a``, each as far as its x are within theirs. No edge is compared with another one, so that nothing
    depends on which of them are parallel or lie on each other.
    """
    half_width, half_height = b[:, 2] / 2, b[:, 3] / 2
    center_x, center_y = _turned(a[:, 0] - b[:, 0], a[:, 1] - b[:, 1], -b[:, 4])
    along_x, along_y = _turned(a[:, 2] / 2, np.zeros(len(a)), a[:, 4] - b[:, 4])
    across_x, across_y = _turned(np.zeros(len(a)), a[:, 3] / 2, a[:, 4] - b[:, 4])
    x, y = (
        center + np.stack([-along - across, along - across, along + across, across - along])
        for center, along, across in ((center_x, along_x, across_x), (center_y, along_y, across_y))
    )  # (4, P) corners, in turn
    x_step, y_step = np.roll(x, -1, axis=0) - x, np.roll(y, -1, axis=0) - y
    begin, end = _within(x, x_step, half_width)
    y, y_step, x_step = y + begin * y_step, (end - begin) * y_step, (end - begin) * x_step
    low, high = _within(y, y_step, half_height)  # y is at a bound before and behind, and straight between
    first, at_low, at_high, last = (np.clip(y + at * y_step, -half_height, half_height) for at in (0.0, low, high, 1.0))
    integral = x_step * (low * first + (high - low) * (at_low + at_high) / 2 + (1 - high) * last)
    area: F64 = np.abs(integral.sum(axis=0))
    return area


def _turned(x: F64, y: F64, angle_rad: F64) -> tuple[F64, F64]:
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return cos * x - sin * y, sin * x + cos * y


def _within(first: F64, step: F64, most: F64) -> tuple[F64, F64]:
    """Return from where to where, 0..1 along an edge, a coordinate is within -most and most; two equal ones: nowhere.

    Where it does not change along the edge, nothing depends on what is returned.
    """
    changes = step != 0
    one, other = (
        np.clip(np.divide(bound - first, step, out=np.zeros_like(step), where=changes), 0.0, 1.0)
        for bound in (-most, most)
    )
    return np.minimum(one, other), np.maximum(one, other)
