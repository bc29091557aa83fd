"""The motion that all objects of a picture share, told from their boxes alone: that of the camera, to a tracker.

Where the camera shakes or turns, all boxes miss their prediction by about the same way. Their median miss is an
estimate of it, whose variance is known from how far they scatter. How much of it to believe depends on how much this
camera moves, and that is learnt: the variance of the true motion is what the squared median has beyond its own
variance, as a running mean, and the estimate is shrunk by the share of the two (empirical Bayes; Efron and Morris,
*Stein's Estimation Rule and Its Competitors*, 1973). So a camera that stands still is left alone even where few objects
move together, and one that shakes is followed with three of them. No picture is needed.
"""

from __future__ import annotations

import math

from pipelines.stages.tracking.kalman import Float

LEAST_OBJECTS = 3
"""With fewer there is no telling their own motion from that of the camera."""
MOST_OBJECTS = 30
"""More tell nothing new."""
LEARNING_S = 1.0
"""Time constant of the running mean."""
LEAST_SHIFT = 0.01
"""A shift by less, in heights of a box, is not worth being followed."""
DEVIATION_OF_MEDIAN = 1.4826
"""Standard deviation of a normal distribution whose median absolute deviation is 1."""
VARIANCE_OF_MEDIAN = math.pi / 2
"""Variance of the median of normal values, times their number over their variance."""


class CommonMotion:
    """Follows what the objects of one stream have in common."""

    def __init__(self) -> None:
        self._variance = [0.0, 0.0]
        """Of the true motion along x and y, in squared heights of a box; below 0 where there seems to be none."""

    def update(self, missed_px: Float, *, height_px: float, step_s: float) -> tuple[float, float] | None:
        """Return by how many pixels along x and y the predictions are to be moved; ``None`` where they are good.

        Args:
            missed_px: (N, 2) how far each object's centre is from where it was predicted; at least
                :data:`LEAST_OBJECTS` of them, and not many more than :data:`MOST_OBJECTS`, or it takes long.
            height_px: mean height of the objects, the scale of everything.
            step_s: time since the frame before.
        """
        count = len(missed_px)
        rate = 1 - math.exp(-step_s / LEARNING_S)
        shift_px = [0.0, 0.0]
        for axis, missed in enumerate(missed_px.T.tolist()):  # so few are sorted faster without numpy
            median = sorted(missed)[count // 2]
            spread = sorted(abs(one - median) for one in missed)[count // 2]
            uncertain = VARIANCE_OF_MEDIAN / count * (DEVIATION_OF_MEDIAN * spread / height_px) ** 2
            self._variance[axis] += rate * ((median / height_px) ** 2 - uncertain - self._variance[axis])
            real = self._variance[axis]
            if real > 0:
                shift_px[axis] = median * real / (real + uncertain)
        x_px, y_px = shift_px
        return (x_px, y_px) if math.hypot(x_px, y_px) > LEAST_SHIFT * height_px else None
