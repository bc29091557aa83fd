"""Fronts of houses: plaster or brick with rows of windows, and the same windows lit for the evening."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.capture.synthetic_drive.noise import fractal_noise
from pipelines.capture.synthetic_drive.planes import Sprite

_PLASTER_BGR = ((196, 212, 224), (168, 196, 214), (150, 166, 206), (178, 186, 178), (120, 138, 188), (210, 206, 196))
_WIDTH_PX, _HEIGHT_PX = 320, 200


@dataclass(frozen=True)
class Facade:
    """A front, by day and by night."""

    wall: Sprite
    """All of it, in daylight."""
    lit_windows: Sprite
    """Only the windows behind which a lamp burns."""


def create_facade(rng: np.random.Generator) -> Facade:
    """Paint a front."""
    plaster = np.array(_PLASTER_BGR[rng.integers(len(_PLASTER_BGR))], np.float32) * rng.uniform(0.80, 0.98)
    stains = fractal_noise(rng, _WIDTH_PX, _HEIGHT_PX, cell_px=(60, 90), octaves=5)[..., None]
    rows = np.linspace(1.04, 0.90, _HEIGHT_PX, dtype=np.float32)[:, None, None]
    wall = np.clip(plaster * rows * (1 + 0.035 * stains), 0, 255).astype(np.uint8)
    lit = np.zeros((_HEIGHT_PX, _WIDTH_PX, 4), np.uint8)
    floors, bays = int(rng.integers(4, 7)), int(rng.integers(7, 11))
    floor_px, bay_px = _HEIGHT_PX / floors, _WIDTH_PX / bays
    wide, tall = bay_px * rng.uniform(0.42, 0.6), floor_px * rng.uniform(0.48, 0.6)
    balconies = rng.uniform() < 0.5
    for floor in range(floors):
        y0 = int(floor * floor_px + 0.2 * floor_px)
        y1 = int(y0 + tall)
        cv2.line(wall, (0, int(floor * floor_px)), (_WIDTH_PX, int(floor * floor_px)), (plaster * 0.82).tolist(), 1)
        for bay in range(bays):
            x0 = int((bay + 0.5) * bay_px - wide / 2)
            x1 = int(x0 + wide)
            glass = np.array((112, 92, 74), np.float32) * rng.uniform(0.55, 1.25)
            cv2.rectangle(wall, (x0 - 1, y0 - 1), (x1 + 1, y1 + 1), (222, 226, 228), -1)
            cv2.rectangle(wall, (x0, y0), (x1, y1), glass.tolist(), -1)
            cv2.rectangle(wall, (x0, y0), (x1, y0 + max((y1 - y0) // 3, 1)), (glass * 1.35).tolist(), -1)
            cv2.line(wall, ((x0 + x1) // 2, y0), ((x0 + x1) // 2, y1), (214, 218, 220), 1)
            if rng.uniform() < 0.42:
                warmth = rng.uniform(0.7, 1.0)
                cv2.rectangle(lit, (x0, y0), (x1, y1), (int(110 * warmth), int(196 * warmth), 250, 235), -1)
            if balconies and bay % 3 == 1 and floor < floors - 1:
                cv2.rectangle(wall, (x0 - 5, y1 - 6), (x1 + 5, y1 + 4), (plaster * 0.7).tolist(), -1)
                cv2.line(wall, (x0 - 5, y1 - 6), (x1 + 5, y1 - 6), (plaster * 0.95).tolist(), 1)
    cv2.rectangle(wall, (0, 0), (_WIDTH_PX - 1, 5), (plaster * 0.62).tolist(), -1)
    opaque = np.full(wall.shape[:2], 255, np.uint8)
    return Facade(Sprite.from_bgra(np.dstack([wall, opaque])), Sprite.from_bgra(lit))
