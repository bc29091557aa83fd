"""Who else is on the road, as a function of time: oncoming lanes, overtakers, and a car ahead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streamvision.synthetic.drive.bodies import MODELS, VehicleModel, body_of
from streamvision.synthetic.drive.course import LANE_M, Course
from streamvision.synthetic.drive.vehicles import PAINTS_RGB, Vehicle

_SPAN_M = 330.0
"""Vehicles come into being this far ahead of where they vanish."""
_BEHIND_M = 14.0


@dataclass(frozen=True)
class _Stream:
    """Vehicles that follow each other on one lane at one speed."""

    lane_x_m: float
    """Middle of the lane, right of the middle of the road."""
    approach_m_s: float
    """Speed towards the camera's car when that stands still (oncoming), or relative to it (same way)."""
    oncoming: bool
    vehicles: tuple[tuple[float, VehicleModel, int, float], ...]
    """Place along the span, model, paint, and offset from the middle of the lane."""


class Traffic:
    """The other vehicles of one drive."""

    def __init__(self, rng: np.random.Generator, course: Course) -> None:
        self._course = course
        self._streams = (
            _stream(rng, -0.5 * LANE_M, 14.0, True, 3),
            _stream(rng, -1.5 * LANE_M, 11.5, True, 3),
            _stream(rng, 0.5 * LANE_M, -2.6, False, 2),
        )
        self._ahead_phase = rng.uniform(0, 2 * np.pi, 2)
        self._ahead_paint = int(rng.integers(len(PAINTS_RGB)))

    def at(self, time_s: float, s_m: float) -> list[Vehicle]:
        """Return the vehicles in view, in no order."""
        places: list[tuple[float, float, bool, VehicleModel, int]] = []
        for stream in self._streams:
            driven_m = stream.approach_m_s * time_s + (s_m if stream.oncoming else 0.0)
            for start_m, model, paint, offset_m in stream.vehicles:
                z_m = (start_m - driven_m) % _SPAN_M - _BEHIND_M
                places.append((z_m, stream.lane_x_m + offset_m, stream.oncoming, model, paint))
        first, second = self._ahead_phase
        ahead_m = 34 + 9 * np.sin(2 * np.pi * time_s / 31 + first) + 4 * np.sin(2 * np.pi * time_s / 13.7 + second)
        places.append(
            (float(ahead_m), 1.5 * LANE_M + 0.12 * float(np.sin(time_s / 3)), False, "wagon", self._ahead_paint)
        )
        heading_rad = float(self._course.heading_rad(s_m))
        slowing = self._course.speed_m_s(s_m + 6) < self._course.speed_m_s(s_m) - 0.15
        vehicles = []
        for z_m, road_x_m, oncoming, model, paint in places:
            if z_m + body_of(model).length_m < 2.0 or z_m < -6.0:
                continue
            x_m = float(self._course.middle_x_m(s_m, z_m)) + road_x_m
            yaw_rad = float(self._course.heading_rad(s_m + z_m)) - heading_rad
            vehicles.append(Vehicle(model, paint, x_m, z_m, yaw_rad, oncoming, slowing and not oncoming))
        return vehicles


def _stream(rng: np.random.Generator, lane_x_m: float, speed_m_s: float, oncoming: bool, count: int) -> _Stream:
    spacing_m = _SPAN_M / count
    vehicles = []
    for index in range(count):
        start_m = (index + rng.uniform(0.2, 0.8)) * spacing_m
        model = MODELS[rng.choice(len(MODELS), p=[0.38, 0.30, 0.16, 0.16])]
        vehicles.append((float(start_m), model, int(rng.integers(len(PAINTS_RGB))), float(rng.uniform(-0.2, 0.2))))
    return _Stream(lane_x_m, speed_m_s, oncoming, tuple(vehicles))
