"""Smooth random fields, the stuff of clouds, hills, grass and worn paint."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


def fractal_noise(
    rng: np.random.Generator, width: int, height: int, *, cell_px: tuple[float, float], octaves: int = 4
) -> F32:
    """Return (height, width) float32 of mean 0 and deviation near 1: octaves of smooth noise, each half as large.

    ``cell_px`` is the size (x, y) of the largest blobs.
    """
    total = np.zeros((height, width), np.float32)
    weight, power = 1.0, 0.0
    for octave in range(octaves):
        columns, rows = (
            min(max(math.ceil(side * 2**octave / cell) + 1, 2), side)
            for side, cell in zip((width, height), cell_px, strict=True)
        )
        coarse = rng.standard_normal((rows, columns), np.float32)
        total += weight * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        power += weight**2
        weight *= 0.55
    total /= np.float32(0.75 * math.sqrt(power))
    return total
