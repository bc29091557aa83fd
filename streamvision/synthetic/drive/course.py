"""The lap that the car drives: a winding road that closes on itself, and how fast each part of it is taken."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

F64 = NDArray[np.float64]
LAP_M = 1104.0
"""Length of the lap; a multiple of the road texture's period."""
LANE_M = 3.5
EGO_LANE_X_M = 1.5 * LANE_M
"""The car drives in the outer right one of four lanes; measured from the middle of the road."""
CRUISE_M_S = 15.5
_GRID_M = 0.5


class Course:
    """Bends and speeds along the lap, as functions of the way driven ``s_m``, which may exceed the lap's length.

    Bends are a sum of whole waves, so heading and sideways displacement have closed forms and the lap closes.
    """

    def __init__(self, rng: np.random.Generator, slow_zones: list[tuple[float, float]]) -> None:
        """``slow_zones`` are places (metres along the lap) and the speed that is left there (metres a second)."""
        self._wave_per_m = 2 * np.pi * np.array([2, 3, 5]) / LAP_M
        self._curvature_per_m = np.array([0.0016, 0.0030, 0.0022]) * rng.choice([-1, 1], 3) * rng.uniform(0.8, 1.1, 3)
        self._phase = rng.uniform(0, 2 * np.pi, 3)
        position_m = np.arange(0, LAP_M + _GRID_M / 2, _GRID_M)
        speed_m_s = np.full(len(position_m), CRUISE_M_S)
        for place_m, floor_m_s in slow_zones:
            away_m = (position_m - place_m + LAP_M / 2) % LAP_M - LAP_M / 2
            braking = np.exp(-((away_m / np.where(away_m < 0, 26.0, 18.0)) ** 2))
            speed_m_s = np.minimum(speed_m_s, CRUISE_M_S - (CRUISE_M_S - floor_m_s) * braking)
        self._position_m = position_m
        self._speed_m_s = speed_m_s
        pace_s_m = 1 / speed_m_s
        self._time_s = np.concatenate([[0], np.cumsum((pace_s_m[1:] + pace_s_m[:-1]) / 2 * _GRID_M)])

    @property
    def lap_s(self) -> float:
        """Duration of a lap."""
        return float(self._time_s[-1])

    def position_m(self, time_s: float) -> float:
        """Return the way driven since the start."""
        laps, rest_s = divmod(time_s, self.lap_s)
        return laps * LAP_M + float(np.interp(rest_s, self._time_s, self._position_m))

    def speed_m_s(self, s_m: float) -> float:
        """Return the car's speed at a place."""
        return float(np.interp(s_m % LAP_M, self._position_m, self._speed_m_s))

    def heading_rad(self, s_m: ArrayLike) -> F64:
        """Return the road's direction, positive to the right."""
        angle = np.multiply.outer(np.asarray(s_m, np.float64), self._wave_per_m) + self._phase
        heading: F64 = -(np.cos(angle) * (self._curvature_per_m / self._wave_per_m)).sum(axis=-1)
        return heading

    def _displacement_m(self, s_m: ArrayLike) -> F64:
        angle = np.multiply.outer(np.asarray(s_m, np.float64), self._wave_per_m) + self._phase
        displacement: F64 = -(np.sin(angle) * (self._curvature_per_m / self._wave_per_m**2)).sum(axis=-1)
        return displacement

    def middle_x_m(self, s_m: float, z_m: ArrayLike) -> F64:
        """Return where the middle of the road lies, right of the camera, at distances ahead of a place."""
        ahead_m = np.asarray(z_m, np.float64)
        straight = self._displacement_m(s_m) + self.heading_rad(s_m) * ahead_m
        return self._displacement_m(s_m + ahead_m) - straight - EGO_LANE_X_M
