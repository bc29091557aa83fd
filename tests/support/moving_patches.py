"""A drawn scene for detectors of motion: textured patches on a textured ground, empty at first, its truth exact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH_PX, HEIGHT_PX = 320, 192
EMPTY_FRAMES = 20
MARGIN_PX = 160
"""How much of the ground lies around what the camera sees at first."""


def _texture(rng: Any, height_px: int, width_px: int, low: int, high: int) -> NDArray[np.uint8]:
    coarse = rng.integers(low, high, (max(height_px // 6, 2), max(width_px // 6, 2), 3), np.uint8)
    return cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_CUBIC)  # type: ignore[no-any-return]


class MovingPatches:
    """Three patches, one above the other, which cross the picture from the left.

    Args:
        seed: of all that is random.
        camera_px: how far the camera pans to the right between two frames, in pixels.
    """

    def __init__(self, *, seed: int, camera_px: float = 0.0) -> None:
        rng = np.random.default_rng(seed)
        self._camera_px = camera_px
        self._ground = _texture(rng, HEIGHT_PX, WIDTH_PX + 2 * MARGIN_PX, 60, 120)
        self._patches = [_texture(rng, 34, 48, 120, 255) for _ in range(3)]
        self._speed_px = rng.uniform(3.0, 5.0, 3)
        self._noise = rng.integers(-3, 4, (8, HEIGHT_PX, WIDTH_PX, 3), np.int16)

    def boxes_at(self, index: int) -> NDArray[np.float32]:
        """Return (N, 4) left, top, right, bottom of the patches that are wholly in the picture."""
        return np.array([box for box in self._boxes(index) if box[0] >= 0 and box[2] <= WIDTH_PX], np.float32).reshape(
            -1, 4
        )

    def picture_at(self, index: int) -> NDArray[np.uint8]:
        """Return (H, W, 3) BGR of a frame."""
        left = min(round(index * self._camera_px), 2 * MARGIN_PX)
        picture = self._ground[:, left : left + WIDTH_PX].astype(np.int16)
        for patch, (x, y, right, bottom) in zip(self._patches, self._boxes(index), strict=True):
            first, last = max(-x, 0), min(WIDTH_PX - x, 48)
            if last > first:
                picture[y:bottom, max(x, 0) : min(right, WIDTH_PX)] = patch[:, first:last]
        return (picture + self._noise[index % len(self._noise)]).clip(0, 255).astype(np.uint8)

    def _boxes(self, index: int) -> list[tuple[int, int, int, int]]:
        gone = max(index - EMPTY_FRAMES, 0)
        at = [(round(speed * gone) - 48, 12 + 60 * row) for row, speed in enumerate(self._speed_px)]
        return [(x, y, x + 48, y + 34) for x, y in at]


def precision_and_recall(
    scene: MovingPatches, found: Mapping[int, NDArray[np.float32]], *, begin: int, iou: float
) -> tuple[float, float]:
    """Return which share of the boxes is right from a frame on, and which share of the truth was found."""
    right = there = known = 0
    for index, boxes in found.items():
        if index < begin:
            continue
        truth = scene.boxes_at(index)
        low, high = (
            np.maximum(boxes[:, None, :2], truth[None, :, :2]),
            np.minimum(boxes[:, None, 2:], truth[None, :, 2:]),
        )
        both = np.prod(np.clip(high - low, 0, None), axis=-1)
        area, true_area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), np.prod(truth[:, 2:] - truth[:, :2], axis=1)
        same = both / (area[:, None] + true_area[None] - both) >= iou
        right += int(same.any(axis=0).sum())
        there, known = there + len(boxes), known + len(truth)
    return right / max(there, 1), right / max(known, 1)
