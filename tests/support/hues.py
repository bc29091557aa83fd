"""Pictures of one hue each: a data set that a small classifier learns within seconds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

HUES = {"orange": 30, "teal": 165, "violet": 275}


def draw_hues(folder: Path, classes: dict[str, int], *, count: int, seed: int) -> Path:
    """Draw noisy pictures whose hue (degrees, give or take 12) makes the class, in any lightness."""
    rng = np.random.default_rng(seed)
    for name, degrees in classes.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            hue = (degrees + rng.uniform(-12, 12)) % 360 / 2
            hsv = np.empty((36, 48, 3), np.float64)
            hsv[:] = hue, rng.uniform(120, 255), rng.uniform(120, 255)
            bgr = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR) + rng.normal(0, 12, hsv.shape)
            cv2.imwrite(str(folder / name / f"{number:02}.png"), np.clip(bgr, 0, 255).astype(np.uint8))
    return folder
