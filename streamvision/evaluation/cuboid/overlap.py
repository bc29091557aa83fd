"""How much cuboids overlap, in space and seen from above."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamvision.core.boxes import oriented_pair_overlaps
from streamvision.core.cuboid import Cuboid

F64 = NDArray[np.float64]


def cuboid_overlaps(ones: Sequence[Cuboid], others: Sequence[Cuboid]) -> tuple[F64, F64]:
    """Return (N, M) intersection over union in space, and (N, M) of the faces on the ground, seen from above.

    Cuboids stand upright, as KITTI's do.
    """
    a, b = _rows(ones), _rows(others)
    if not len(a) or not len(b):
        return np.zeros((len(a), len(b))), np.zeros((len(a), len(b)))
    row, column = (index.ravel() for index in np.indices((len(a), len(b))))
    above = oriented_pair_overlaps(a[:, :5], b[:, :5], row, column).reshape(len(a), len(b))
    area_a, area_b = (each[:, 2] * each[:, 3] for each in (a, b))
    shared_area = above * (area_a[:, None] + area_b) / (1 + above)
    top = np.maximum((a[:, 5] - a[:, 6] / 2)[:, None], b[:, 5] - b[:, 6] / 2)
    bottom = np.minimum((a[:, 5] + a[:, 6] / 2)[:, None], b[:, 5] + b[:, 6] / 2)
    shared = shared_area * np.clip(bottom - top, 0, None)
    union = (area_a * a[:, 6])[:, None] + area_b * b[:, 6] - shared
    return shared / union, above


def _rows(cuboids: Sequence[Cuboid]) -> F64:
    """Return (N, 7): x, z, length, width and angle on the ground, y and height."""
    return np.array(
        [
            [
                *(one.center_m[0], one.center_m[2], *one.size_lwh_m[:2], math.pi / 2 - one.yaw_rad),
                *(one.center_m[1], one.size_lwh_m[2]),
            ]
            for one in cuboids
        ],
        np.float64,
    ).reshape(-1, 7)
