"""The camera's way on a flat piece of the earth: where it was at any time, how fast, and where it was heading."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamvision.gps.track import GpsTrack

F64 = NDArray[np.float64]
MOVING_M_S = 1.5
"""Slower than this, a receiver's course says nothing."""
HOLE_S = 3.0
"""Between fixes farther apart the way is a guess that gets worse."""
LONGEST_HOLE_S = 20.0
"""What was seen this far from the next fix is not placed by it."""
_DRIFT_M_S = 0.7
_SPEED_ERROR_M_S = 0.25
_HEADING_ERROR_RAD = math.radians(0.7)
_WGS84_M, _WGS84_E2 = 6378137.0, 6.69437999014e-3


@dataclass(frozen=True)
class Plane:
    """Metres to the east and north of a place; good to a centimetre in a kilometre for places within some 30 km."""

    latitude_deg: float
    """Of the origin."""
    longitude_deg: float
    """Of the origin."""

    def to_metres(self, latitude_deg: F64, longitude_deg: F64) -> F64:
        """Return (N, 2) metres to the east and north."""
        east_m, north_m = self._degree_m
        across_deg = (longitude_deg - self.longitude_deg + 180) % 360 - 180
        return np.stack([across_deg * east_m, (latitude_deg - self.latitude_deg) * north_m], axis=-1)

    def to_degrees(self, east_north_m: F64) -> tuple[float, float]:
        """Return latitude and longitude of one place."""
        east_m, north_m = self._degree_m
        longitude_deg = self.longitude_deg + float(east_north_m[0]) / east_m
        return self.latitude_deg + float(east_north_m[1]) / north_m, (longitude_deg + 180) % 360 - 180

    @property
    def _degree_m(self) -> tuple[float, float]:
        """Length of a degree to the east and to the north, on the ellipsoid."""
        latitude = math.radians(self.latitude_deg)
        flat = 1 - _WGS84_E2 * math.sin(latitude) ** 2
        east_m = math.radians(_WGS84_M / math.sqrt(flat) * max(math.cos(latitude), 1e-6))
        return east_m, math.radians(_WGS84_M * (1 - _WGS84_E2) / flat**1.5)


class Poses(NamedTuple):
    """The camera's car at N times."""

    position_m: F64
    """(N, 2) to the east and north."""
    velocity_m_s: F64
    """(N, 2) to the east and north."""
    heading_rad: F64
    """(N,) clockwise from north."""
    turn_rad_s: F64
    """(N,) change of the heading."""
    heading_error_rad: F64
    """(N,) standard deviation of the heading."""
    hole_s: F64
    """(N,) how far the next fix is away where there is a hole; infinite before the first and after the last."""


class Way:
    """The way of one drive.

    Args:
        track: what the receiver said, as it was read; it is smoothed here.

    Raises:
        ValueError: with fewer than two positions.
    """

    def __init__(self, track: GpsTrack) -> None:
        track = track.smoothed()
        rows = track.rows()
        if len(rows) < 2:
            raise ValueError(f"a way needs two positions, not {len(rows)}")
        self.plane = Plane(float(rows[0, 1]), float(rows[0, 2]))
        self.time_s: F64 = rows[:, 0]
        self.position_m = self.plane.to_metres(rows[:, 1], rows[:, 2])
        steps_m = np.hypot(*np.diff(self.position_m, axis=0).T)
        self._driven_m = np.concatenate([[0.0], np.cumsum(steps_m)])
        self._error_m = track.errors_m
        self._velocity_m_s = np.gradient(self.position_m, self.time_s, axis=0)
        speed_m_s = np.where(np.isfinite(rows[:, 4]), rows[:, 4], np.hypot(*self._velocity_m_s.T))
        drawn_rad = np.arctan2(self._velocity_m_s[:, 0], self._velocity_m_s[:, 1])
        course_rad = np.where(np.isfinite(rows[:, 5]), np.radians(rows[:, 5]), drawn_rad)
        ahead = np.stack([np.sin(course_rad), np.cos(course_rad)], axis=-1)
        self._velocity_m_s = np.where(speed_m_s[:, None] >= MOVING_M_S, speed_m_s[:, None] * ahead, self._velocity_m_s)
        moving = speed_m_s >= MOVING_M_S
        self._course_time_s = self.time_s[moving] if moving.any() else self.time_s[:1]
        self._course_rad = np.unwrap(course_rad[moving] if moving.any() else course_rad[:1])

    def at(self, time_s: F64) -> Poses:
        """Return the car at N times: cubic between two fixes, with the speed of each; straight on outside."""
        index = np.clip(np.searchsorted(self.time_s, time_s) - 1, 0, len(self.time_s) - 2)
        begin_s, step_s = self.time_s[index], np.diff(self.time_s)[index]
        share = np.clip((time_s - begin_s) / step_s, 0, 1)[:, None]
        p0, p1 = self.position_m[index], self.position_m[index + 1]
        v0, v1 = (self._velocity_m_s[index + k] * step_s[:, None] for k in (0, 1))
        bend0, bend1 = 3 * (p1 - p0) - 2 * v0 - v1, v0 + v1 - 2 * (p1 - p0)
        velocity = (v0 + share * (2 * bend0 + share * 3 * bend1)) / step_s[:, None]
        outside_s = time_s - np.clip(time_s, self.time_s[0], self.time_s[-1])
        position = p0 + share * (v0 + share * (bend0 + share * bend1)) + velocity * outside_s[:, None]
        heading, turn = self._heading(time_s)
        speed = np.maximum(np.hypot(*velocity.T), MOVING_M_S / 2)
        error = np.hypot(_HEADING_ERROR_RAD, _SPEED_ERROR_M_S / speed)
        return Poses(position, velocity, heading, turn, error, self._hole_s(time_s, begin_s, step_s))

    def error_m(self, time_s: F64) -> F64:
        """Return (N,) standard deviations of the positions, in each direction; infinite far from any fix."""
        hole_s = self.at(time_s).hole_s
        drift_m = np.where(hole_s < LONGEST_HOLE_S, _DRIFT_M_S * np.maximum(hole_s - HOLE_S / 2, 0), np.inf)
        return np.hypot(np.interp(time_s, self.time_s, self._error_m), drift_m)

    def driven_m(self, time_s: F64) -> F64:
        """Return (N,) how far the car had come."""
        return np.asarray(np.interp(time_s, self.time_s, self._driven_m))

    def _heading(self, time_s: F64) -> tuple[F64, F64]:
        times, course = self._course_time_s, self._course_rad
        if len(times) < 2:
            return np.full(len(time_s), course[0]), np.zeros(len(time_s))
        index = np.clip(np.searchsorted(times, time_s) - 1, 0, len(times) - 2)
        turn = (course[index + 1] - course[index]) / (times[index + 1] - times[index])
        turn[(time_s < times[0]) | (time_s > times[-1])] = 0
        return np.interp(time_s, times, course), turn

    def _hole_s(self, time_s: F64, begin_s: F64, step_s: F64) -> F64:
        inside = np.minimum(time_s - begin_s, begin_s + step_s - time_s)
        return np.where(step_s > HOLE_S, np.abs(inside), np.maximum(-inside, 0))
