"""What the camera's satellite receiver says on a drive."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from streamvision.datasets.trip.spec import GpsNoise, TripSpec
from streamvision.datasets.trip.world import F64, DriveWorld

ALTITUDE_M = 210.0


@dataclass(frozen=True)
class Reading:
    """One fix as the receiver says it."""

    unix_s: float
    """When it was there, in UTC."""
    latitude_deg: float
    """Of the last fix, where there is no reception."""
    longitude_deg: float
    """Of the last fix, where there is no reception."""
    speed_m_s: float
    """Over ground."""
    course_deg: float
    """Clockwise from north."""
    altitude_m: float
    """Above the sea."""
    has_fix: bool
    """Whether there is reception."""


def readings_of(spec: TripSpec, drive: int, world: DriveWorld, *, rate_hz: int = 1) -> list[Reading]:
    """Return the fixes of a drive, at whole seconds of UTC and, for a faster receiver, at equal steps between them."""
    start_s = spec.start_unix_s(drive)
    first, last = math.ceil((start_s - spec.gps_delay_s) * rate_hz), math.floor((start_s + spec.duration_s) * rate_hz)
    unix_s = np.arange(first, last + 1) / rate_hz
    drive_s = np.maximum(unix_s - start_s + spec.begin_of(drive), 0)
    way = world.camera_way(drive_s)
    rng = np.random.default_rng((spec.seed, drive, 7919))
    east_m, north_m = (wander_m(rng, spec.noise, unix_s) for _ in range(2))
    said = way.moved(east_m, north_m)
    speed = np.abs(way.speed_m_s + rng.normal(0, spec.noise.speed_m_s, len(unix_s)))
    course = (way.course_deg + rng.normal(0, spec.noise.course_deg, len(unix_s))) % 360
    readings: list[Reading] = []
    for index, time_s in enumerate(unix_s.tolist()):
        since_s = time_s - start_s
        if readings and any(begin <= since_s < end for begin, end in spec.gps_holes_s):
            last_one = readings[-1]
            place = (last_one.latitude_deg, last_one.longitude_deg)
            readings.append(Reading(time_s, *place, 0.0, last_one.course_deg, ALTITUDE_M, has_fix=False))
            continue
        place = (float(said.latitude_deg[index]), float(said.longitude_deg[index]))
        readings.append(Reading(time_s, *place, float(speed[index]), float(course[index]), ALTITUDE_M, has_fix=True))
    return readings


def wander_m(rng: np.random.Generator, noise: GpsNoise, unix_s: F64) -> F64:
    """Return (N,) errors of one axis at times: what wanders and what is new each time."""
    drawn = rng.normal(0, 1, len(unix_s))
    keeps = np.exp(-np.diff(unix_s, prepend=unix_s[:1]) / noise.correlation_s)
    wandering = np.empty(len(unix_s))
    error = drawn[0]
    for index, (kept, new) in enumerate(zip(keeps.tolist(), drawn.tolist(), strict=True)):
        error = kept * error + math.sqrt(max(1 - kept * kept, 0.0)) * new
        wandering[index] = error
    return noise.correlated_m * wandering + rng.normal(0, noise.independent_m, len(unix_s))
