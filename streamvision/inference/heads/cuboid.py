"""What the crop of an object shows of its cuboid: size, yaw and distance; see :mod:`streamvision.core.cuboid`.

Source: Mousavian et al., "3D Bounding Box Estimation Using Deep Learning and Geometry" (CVPR 2017), for MultiBin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.cuboid import BoxedCuboid
from streamvision.core.errors import ModelError
from streamvision.core.image_result import ImageResult
from streamvision.inference.heads.base import PictureHead
from streamvision.inference.heads.layout import unknown_outputs
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard
from streamvision.inference.tensors import TensorSpec

BINS = 2
"""Of MultiBin; their middles are 0, away from the camera, and half a turn, towards it."""
COLUMNS = 3 + 3 * BINS + 4
_LEAST_M, _MOST_M = 1e-2, 1e4
"""Sizes beyond these are none."""
_MOST_SHARES = 100.0
"""A middle that is seen as many of the box's sides away from it is none of the object's."""
_MOST_LOG = 10.0


class CuboidHead(PictureHead):
    """One tensor (batch, 13): length, width, height (m); bin logits; cosine and sine in each bin; the logarithm of the
    distance's ratio; the middle's place in shares of the box; the logarithm of the distance's spread."""

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        if len(outputs) != 1 or len(outputs[0].shape) != 2 or outputs[0].shape[1] not in (None, COLUMNS):
            raise unknown_outputs(card, outputs, f"reads one output (batch, {COLUMNS})")

    def read(self, outputs: Sequence[NDArray[Any]], letterboxes: Sequence[Letterbox]) -> list[ImageResult]:
        """Return the cuboid of each crop.

        Raises:
            ModelError: when a row holds something that is no number, or a size or place that is none.
        """
        rows = outputs[0][: len(letterboxes)].astype(np.float64)
        if rows.shape[1:] != (COLUMNS,):
            raise ModelError(
                f"the model returned {outputs[0].shape} where rows of {COLUMNS} are expected; check the file"
            )
        is_size = (rows[:, :3] >= _LEAST_M) & (rows[:, :3] <= _MOST_M)
        if not np.isfinite(rows).all() or not is_size.all() or (np.abs(rows[:, -3:-1]) > _MOST_SHARES).any():
            raise ModelError(
                "the model returned sizes or places that are none; check the file, or use another precision"
            )
        return [ImageResult(cuboid=_boxed(row)) for row in rows]


def bin_middle_rad(number: int) -> float:
    """Return the angle in the middle of a bin."""
    return 2 * math.pi * number / BINS


def _boxed(row: NDArray[np.float64]) -> BoxedCuboid:
    length, width, height = row[:3].tolist()
    best = int(row[3 : 3 + BINS].argmax())
    cosine, sine = row[3 + BINS + 2 * best : 5 + BINS + 2 * best].tolist()
    log_ratio, right, down, log_spread = row[-4:].tolist()
    return BoxedCuboid(
        (length, width, height),
        math.remainder(bin_middle_rad(best) + math.atan2(sine, cosine), 2 * math.pi),
        _exponential(log_ratio),
        (right, down),
        _exponential(log_spread),
    )


def _exponential(value: float) -> float:
    """Return what a logarithm stands for, neither zero nor infinite."""
    return math.exp(min(max(value, -_MOST_LOG), _MOST_LOG))
