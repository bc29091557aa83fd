"""Which pictures of a clip the model is shown: as many as the car's speed asks for.

A sign that a car passes at 15 m/s is in sight for some seconds, and what places it are views from different places. So
the model looks again after a length of way, not after a number of pictures: a standing car needs next to no looks, and
a fast one needs more than a slow one.
"""

from __future__ import annotations

import numpy as np

from streamvision.gps.clip_gps import ClipGps

WAY_M = 1.5
"""Way between two looks: what stands at the road, 10 m ahead, is then still found where a tracker expects it."""
SHORTEST_S = 0.05
"""Shortest time between two looks: beyond 30 m/s nothing is gained for what a machine can do."""
LONGEST_S = 0.5
"""Longest time between two looks: a standing car may drive off."""
UNKNOWN_S = 0.1
"""Time between two looks where nobody knows the speed."""


class Pace:
    """Says of each picture of a clip, in their order, whether the model is to be shown it.

    Args:
        stride: show it every Nth picture; ``None`` for by the speed of the car.
        gps: what tells the speed; ``None`` where nothing does.
    """

    def __init__(self, stride: int | None, gps: ClipGps | None) -> None:
        self._stride = stride
        self._count = 0
        self._last_s: float | None = None
        fixes = gps.fixes if gps is not None else ()
        rows = [(one.media_s, one.speed_m_s) for one in fixes if one.media_s is not None and one.speed_m_s is not None]
        table = np.array(rows, np.float64).reshape(-1, 2)
        self._media_s, self._speed_m_s = table[np.argsort(table[:, 0], kind="stable")].T

    def takes(self, media_s: float) -> bool:
        """Say whether the model is to be shown the next picture, which is of this time in the file."""
        self._count += 1
        if self._stride is not None:
            return (self._count - 1) % self._stride == 0
        if self._last_s is not None and 0 <= media_s - self._last_s < self._interval_s(media_s) - 1e-3:
            return False
        self._last_s = media_s
        return True

    def _interval_s(self, media_s: float) -> float:
        if not len(self._media_s):
            return UNKNOWN_S
        speed_m_s = float(np.interp(media_s, self._media_s, self._speed_m_s))
        return min(max(WAY_M / max(speed_m_s, 1e-3), SHORTEST_S), LONGEST_S)
