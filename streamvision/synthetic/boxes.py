"""The scene ``synthetic:boxes``: coloured rectangles that cross a textured background and bounce off its edges."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections
from streamvision.core.picture import BgrPicture

NAMES = ("red", "green", "blue", "yellow")
_COLORS_BGR = ((40, 40, 220), (60, 200, 60), (220, 90, 40), (40, 210, 230))
OBJECTS = 6


class BoxesScene:
    """Six objects; each keeps its colour (its class), size and identity. Later ones pass in front of earlier ones."""

    names = NAMES

    def __init__(self, width_px: int, height_px: int, fps: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        frame_px = np.array([width_px, height_px], np.float64)
        self._class_id = (np.arange(OBJECTS) % len(NAMES)).astype(np.int32)
        self._size_px = np.maximum(np.rint(frame_px * rng.uniform(0.08, 0.22, (OBJECTS, 2))), 4)
        self._travel_px = frame_px - self._size_px
        self._start_px = rng.uniform(0, 1, (OBJECTS, 2)) * self._travel_px
        speed_px_s = frame_px * rng.uniform(0.05, 0.25, (OBJECTS, 2)) * rng.choice([-1, 1], (OBJECTS, 2))
        self._step_px = speed_px_s / fps
        coarse = rng.integers(70, 150, (max(height_px // 8, 2), max(width_px // 8, 2), 3), np.uint8)
        self._background = cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_CUBIC)

    def objects_at(self, index: int) -> Detections:
        """Return the exact boxes of a frame, with identities 1..6; hidden parts count."""
        track_id = np.ma.MaskedArray(np.arange(1, OBJECTS + 1, dtype=np.int64), mask=False)
        return Detections(self._boxes_at(index), np.ones(OBJECTS, np.float32), self._class_id, track_id)

    def picture_at(self, index: int) -> BgrPicture:
        """Draw a frame."""
        picture = self._background.copy()
        for box, class_id in zip(self._boxes_at(index).astype(int).tolist(), self._class_id.tolist(), strict=True):
            left, top, right, bottom = box
            picture[top:bottom, left:right] = _COLORS_BGR[class_id]
            cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), (25, 25, 25), 1)
        return BgrPicture(picture)

    def _boxes_at(self, index: int) -> NDArray[np.float32]:
        """Return (6, 4) whole-pixel boxes: a triangle wave of the way covered, so that any frame can be asked for."""
        phase = np.mod(self._start_px + index * self._step_px, 2 * self._travel_px)
        left_top = np.rint(self._travel_px - np.abs(phase - self._travel_px))
        return np.concatenate([left_top, left_top + self._size_px], axis=1).astype(np.float32)
