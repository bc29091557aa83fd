"""The way of a receiver: its fixes without those that cannot be, and where it was at any moment between them."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from streamvision.core.position import Fix, Position, PositionSource
from streamvision.gps.cleaning import STANDS_M_S, cleaned
from streamvision.gps.earth import F64, course_of, distance_between_m, moved, offset_m
from streamvision.gps.smoothing import ACCELERATION_M2_S3, TRUST, Motion, smoothed

USUAL_ERROR_M = 3.0
"""Standard deviation in each direction of a receiver that says none."""
LEAST_ERROR_M = 0.3
BEYOND_S = 3.0
"""How long before the first fix and after the last one a place is still told."""
HOLE_S = 120.0
"""Longest time between two fixes in which a place is told; it is for tunnels."""
CURVED_S = 3.0
"""Longest time between two fixes in which the way is bent as their courses say; over longer ones it is straight."""
NEIGHBOUR_S = 1.0
"""How far before and after a fix the way tells a velocity that the receiver does not."""


class GpsTrack:
    """Fixes of one receiver in the order of time, cleaned.

    Args:
        fixes: as they were written, of one clip or of several one after another. Left out are those without time,
            without a place (0, 0), whose time goes back or stands, that repeat the last place while the receiver says
            that it moves, and that no car could reach (more than 90 m/s).
        source: where they come from.
    """

    _smoothed: GpsTrack | None

    def __init__(self, fixes: Iterable[Fix], source: PositionSource) -> None:
        self._take(cleaned(fixes), source)

    def __len__(self) -> int:
        """Return how many fixes there are."""
        return len(self.fixes)

    def at(self, unix_s: float) -> Position | None:
        """Return where the receiver was at a moment (UTC, s).

        Between fixes the way is drawn through them; the longer nothing was said, the larger is ``error_m``.
        ``None`` more than 3 s before the first fix or after the last one, and in holes of more than two minutes.
        """
        if not self.fixes or not self._times_s[0] - BEYOND_S <= unix_s <= self._times_s[-1] + BEYOND_S:
            return None
        later = bisect_right(self._times_s, unix_s)
        if later == 0 or later == len(self.fixes):
            return self._beyond(max(later - 1, 0), unix_s)
        step_s = self._times_s[later] - self._times_s[later - 1]
        if step_s <= HOLE_S:
            return self._between(later - 1, unix_s)
        nearest = later - 1 if unix_s - self._times_s[later - 1] < self._times_s[later] - unix_s else later
        return self._beyond(nearest, unix_s) if abs(unix_s - self._times_s[nearest]) <= BEYOND_S else None

    def smoothed(self) -> GpsTrack:
        """Return the most likely way by places, speeds and courses together (Kalman filter and RTS smoother).

        It has a fix, speed and course at the times of these fixes. It is reckoned once.
        """
        if self._smoothed is None:
            self._smoothed = self._of(self._smoothed_fixes())
        return self._smoothed

    def _smoothed_fixes(self) -> list[Fix]:
        plane_m = self._plane_m()
        motion = smoothed(np.array(self._times_s), Motion(plane_m, self._told_velocities(), np.array(self._errors_m)))
        return [
            _moved_fix(fix, place - before, velocity, float(error_m))
            for fix, before, place, velocity, error_m in zip(
                self.fixes, plane_m, motion.place_m, motion.velocity_m_s, motion.error_m, strict=True
            )
        ]

    def between(self, begin_unix_s: float, end_unix_s: float) -> GpsTrack:
        """Return the part from one moment to another, both inclusive."""
        first, beyond = bisect_left(self._times_s, begin_unix_s), bisect_right(self._times_s, end_unix_s)
        return self._of(self.fixes[first:beyond])

    def pieces(self) -> list[GpsTrack]:
        """Return it cut at its holes of more than two minutes, where nobody knows the way."""
        holes = [at for at, (before, after) in enumerate(pairwise(self._times_s), 1) if after - before > HOLE_S]
        ends = [0, *holes, len(self.fixes)]
        return [self._of(self.fixes[first:beyond]) for first, beyond in pairwise(ends) if beyond > first]

    @property
    def begin_unix_s(self) -> float | None:
        """The time of the first fix; ``None`` where there is none."""
        return self._times_s[0] if self._times_s else None

    @property
    def end_unix_s(self) -> float | None:
        """The time of the last fix; ``None`` where there is none."""
        return self._times_s[-1] if self._times_s else None

    @property
    def distance_m(self) -> float:
        """How far it went along the smoothed way; what lies in holes of more than two minutes is not counted."""
        fixes = self.smoothed().fixes
        return sum(_step_m(before, after) for before, after in pairwise(fixes))

    def rows(self) -> F64:
        """Return (N, 6): time (unix, s), latitude, longitude (degrees), altitude (m), speed (m/s), course (degrees).

        What the receiver does not say is NaN.
        """
        rows = [
            (fix.unix_s, fix.latitude_deg, fix.longitude_deg, fix.altitude_m, fix.speed_m_s, fix.course_deg)
            for fix in self.fixes
        ]
        return np.array(rows, np.float64).reshape(-1, 6)

    @property
    def errors_m(self) -> F64:
        """(N,) standard deviation of each place, in each direction (m)."""
        return np.array(self._errors_m, np.float64)

    def _take(self, fixes: Sequence[Fix], source: PositionSource) -> None:
        self.fixes: tuple[Fix, ...] = tuple(fixes)
        """The fixes in the order of their times, which grow."""
        self.source: PositionSource = source
        """Where they come from."""
        self._times_s = [fix.unix_s for fix in self.fixes if fix.unix_s is not None]
        self._errors_m = [_error_m(fix) for fix in self.fixes]
        self._smoothed = None
        self._velocities: list[tuple[float, float] | None] | None = None

    def _of(self, fixes: Sequence[Fix]) -> GpsTrack:
        track = object.__new__(GpsTrack)
        track._take(fixes, self.source)
        return track

    def _plane_m(self) -> F64:
        """Return (N, 2) metres to the east and the north of the first fix, summed from fix to fix.

        So each step has its true length, however far the way goes.
        """
        steps = [
            offset_m(fix.latitude_deg, fix.longitude_deg, from_deg=(before.latitude_deg, before.longitude_deg))
            for before, fix in pairwise(self.fixes)
        ]
        return np.cumsum(np.array([(0.0, 0.0), *steps][: len(self.fixes)]).reshape(-1, 2), axis=0)

    def _told_velocities(self) -> F64:
        """Return (N, 2) velocities to the east and the north as the receiver says them; NaN where it does not."""
        rows = self.rows()
        course = np.deg2rad(rows[:, 5])
        return np.asarray(rows[:, 4:5] * np.stack([np.sin(course), np.cos(course)], axis=1))

    def _velocity(self, at: int) -> tuple[float, float] | None:
        """Return the velocity at a fix to the east and the north, by what it says or by its neighbours."""
        if self._velocities is None:
            self._velocities = [
                None if math.isnan(sum(said)) else said for said in map(tuple, self._told_velocities().tolist())
            ]
        said = self._velocities[at]
        return said if said is not None else self._velocity_by_neighbours(at)

    def _velocity_by_neighbours(self, at: int) -> tuple[float, float] | None:
        time_s = self._times_s[at]
        first = min(bisect_right(self._times_s, time_s - NEIGHBOUR_S - 1e-3), max(at - 1, 0))
        last = max(bisect_right(self._times_s, time_s + NEIGHBOUR_S + 1e-3) - 1, min(at + 1, len(self.fixes) - 1))
        step_s = self._times_s[last] - self._times_s[first]
        if not 0 < step_s <= HOLE_S:
            return None
        east_m, north_m = self._offset_m(first, last)
        speed_m_s, chord_m = self.fixes[at].speed_m_s, math.hypot(east_m, north_m)
        scale = 1 / step_s if speed_m_s is None else speed_m_s / chord_m if chord_m > 0 else 0.0
        return east_m * scale, north_m * scale

    def _offset_m(self, first: int, last: int) -> tuple[float, float]:
        one, other = self.fixes[first], self.fixes[last]
        return offset_m(other.latitude_deg, other.longitude_deg, from_deg=(one.latitude_deg, one.longitude_deg))

    def _between(self, at: int, unix_s: float) -> Position:
        step_s, since_s = self._times_s[at + 1] - self._times_s[at], unix_s - self._times_s[at]
        part = since_s / step_s
        chord = self._offset_m(at, at + 1)
        before, after = self._velocity(at), self._velocity(at + 1)
        own_m = _mixed(self._errors_m[at], self._errors_m[at + 1], part)
        place_m, velocity = (chord[0] * part, chord[1] * part), before or after
        if step_s > CURVED_S:
            velocity = (chord[0] / step_s, chord[1] / step_s)
        elif before is not None and after is not None:
            velocity = (_mixed(before[0], after[0], part), _mixed(before[1], after[1], part))
            if _agree(chord, before, after, step_s, own_m):
                place_m = _curved(chord, before, after, part, step_s)
        wandered_m2 = ACCELERATION_M2_S3 * (since_s * (step_s - since_s) / step_s) ** 3 / 3
        altitude_m = _mixed_told(self.fixes[at].altitude_m, self.fixes[at + 1].altitude_m, part)
        return self._position(at, place_m, velocity, math.sqrt(own_m**2 + wandered_m2), altitude_m)

    def _beyond(self, at: int, unix_s: float) -> Position:
        since_s = unix_s - self._times_s[at]
        velocity = self._velocity(at)
        east, north = velocity or (0.0, 0.0)
        wandered_m2 = ACCELERATION_M2_S3 * abs(since_s) ** 3 / 3
        error_m = math.sqrt(self._errors_m[at] ** 2 + wandered_m2)
        return self._position(at, (east * since_s, north * since_s), velocity, error_m, self.fixes[at].altitude_m)

    def _position(
        self,
        at: int,
        place_m: tuple[float, float],
        velocity: tuple[float, float] | None,
        error_m: float,
        altitude_m: float | None,
    ) -> Position:
        fix = self.fixes[at]
        latitude_deg, longitude_deg = moved(fix.latitude_deg, fix.longitude_deg, *place_m)
        speed_m_s = None if velocity is None else math.hypot(*velocity)
        has_course = velocity is not None and speed_m_s is not None and speed_m_s >= STANDS_M_S
        return Position(
            latitude_deg,
            longitude_deg,
            self.source,
            error_m=error_m,
            altitude_m=altitude_m,
            speed_m_s=speed_m_s,
            course_deg=course_of(*velocity) if has_course and velocity is not None else None,
        )


def _step_m(before: Fix, after: Fix) -> float:
    """Return the length of a step, by speeds where it is short: noise makes a way longer than it is."""
    step_s = (after.unix_s or 0.0) - (before.unix_s or 0.0)
    if step_s > HOLE_S:
        return 0.0
    if before.speed_m_s is None or after.speed_m_s is None or step_s > CURVED_S:
        return distance_between_m(before, after)
    return (before.speed_m_s + after.speed_m_s) / 2 * step_s


def _error_m(fix: Fix) -> float:
    said = fix.error_m
    return USUAL_ERROR_M if said is None or not math.isfinite(said) else max(said, LEAST_ERROR_M)


def _agree(
    chord: tuple[float, float], before: tuple[float, float], after: tuple[float, float], step_s: float, error_m: float
) -> bool:
    """Tell whether a chord is about what the velocities at its ends make of it: some cameras write a course of 0."""
    off_m = math.dist(chord, ((before[0] + after[0]) / 2 * step_s, (before[1] + after[1]) / 2 * step_s))
    return off_m <= TRUST * math.hypot(*chord) + 2 * error_m


def _curved(
    chord: tuple[float, float], before: tuple[float, float], after: tuple[float, float], part: float, step_s: float
) -> tuple[float, float]:
    """Return a point of the cubic (Hermite) that has the chord and the velocities at its ends."""
    to_end = part * part * (3 - 2 * part)
    to_before = part * (1 - part) ** 2 * step_s
    to_after = part * part * (part - 1) * step_s
    east, north = (
        to_end * length + to_before * first + to_after * last
        for length, first, last in zip(chord, before, after, strict=True)
    )
    return east, north


def _mixed(before: float, after: float, part: float) -> float:
    return before + (after - before) * part


def _mixed_told(before: float | None, after: float | None, part: float) -> float | None:
    return None if before is None or after is None else _mixed(before, after, part)


def _moved_fix(fix: Fix, by_m: F64, velocity: F64, error_m: float) -> Fix:
    latitude_deg, longitude_deg = moved(fix.latitude_deg, fix.longitude_deg, float(by_m[0]), float(by_m[1]))
    moving = bool(np.isfinite(velocity).all())
    return replace(
        fix,
        latitude_deg=latitude_deg,
        longitude_deg=longitude_deg,
        speed_m_s=float(np.hypot(*velocity)) if moving else fix.speed_m_s,
        course_deg=course_of(float(velocity[0]), float(velocity[1])) if moving else fix.course_deg,
        error_m=error_m,
    )
