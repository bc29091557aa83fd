"""Smooths the class scores of whole pictures: averaged over time, in an order that changes only by a margin."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from streamvision.core.image_result import ImageResult

MARGIN = 0.05
"""A class is ordered before another once its averaged score is higher by so much."""
LONGEST_GAP = 4.0
"""After so many times the averaging time without a frame, the average begins anew."""


class ScoreSmoother:
    """Smooths the class scores of one stream.

    Args:
        over_s: time constant of the average, in seconds of stream time.
    """

    def __init__(self, *, over_s: float) -> None:
        self._over_s = over_s
        self.reset()

    def reset(self) -> None:
        """Forget everything, as after a reconnect."""
        self._average: NDArray[np.float64] | None = None
        self._order: NDArray[np.intp] = np.empty(0, np.intp)
        self._clock_s = 0.0

    def update(self, image: ImageResult, *, pts_s: float) -> ImageResult:
        """Return the next frame's result with smoothed class scores; what else is in it stays as it is.

        The scores are the averaged ones, exchanged between classes of nearly the same score so that their order is
        that of the frame before.

        Args:
            image: the model's result for the whole picture.
            pts_s: the frame's own time.
        """
        if image.class_score is None:
            return image
        score = image.class_score.astype(np.float64)
        gap_s = pts_s - self._clock_s
        if self._average is None or len(self._average) != len(score) or not 0 <= gap_s <= LONGEST_GAP * self._over_s:
            self._average, self._order = score, np.argsort(-score, kind="stable")
        else:
            self._average = self._average + (1 - math.exp(-gap_s / self._over_s)) * (score - self._average)
            self._order = _reordered(self._order, self._average)
        self._clock_s = pts_s
        smoothed = np.empty(len(score), np.float32)
        smoothed[self._order] = np.sort(self._average)[::-1]
        return replace(image, class_score=smoothed)


def _reordered(order: NDArray[np.intp], score: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the classes by score, where one comes before those that it followed only if it is better by the margin."""
    # The lowest score so far in the old order: a class moves ahead of these only if it is better by the margin.
    held = np.empty(len(order))
    held[order] = np.minimum.accumulate(score[order])
    ahead = score > held + MARGIN
    if not ahead.any():
        return order
    return np.argsort(-score, kind="stable")
