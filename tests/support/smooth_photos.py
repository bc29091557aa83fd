"""Photographs as trainings of pictures need them: noise that is smooth, so that neighbours tell of each other."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


def smooth(width_px: int, height_px: int, seed: int, *, levels: tuple[int, int] = (0, 256)) -> NDArray[np.uint8]:
    """Return (h, w, 3) BGR whose levels change over some twelve pixels, from the first to below the second."""
    rows, columns = max(height_px // 12, 2), max(width_px // 12, 2)
    small = np.random.default_rng(seed).integers(*levels, (rows, columns, 3), np.uint8)
    made = cv2.resize(small, (width_px, height_px), interpolation=cv2.INTER_CUBIC)
    return np.asarray(made, np.uint8)


def write_photos(folder: Path, *, count: int, size_px: tuple[int, int], levels: tuple[int, int] = (0, 256)) -> Path:
    """Write pictures of (width, height), every fourth one held out, and return their folder."""
    for number in range(count):
        part = folder / "images" / ("val" if number % 4 == 0 else "train")
        part.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(part / f"{number}.png"), smooth(*size_px, number, levels=levels))
    return folder
