"""Smooth random fields, the stuff of clouds, hills, grass and worn paint."""

from __future__ import annotations

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
        cells = [
            max(int(np.ceil(side * 2**octave / cell)) + 1, 2)
            for side, cell in zip((width, height), cell_px, strict=False)
        ]
        coarse = rng.standard_normal((min(cells[1], height), min(cells[0], width)), np.float32)
        total += weight * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        power += weight**2
        weight *= 0.55
    return total / np.float32(np.sqrt(power) * 0.75)
