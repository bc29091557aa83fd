"""How much boxes overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


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
