"""Metres on the ellipsoid of WGS 84, near a place."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from streamvision.core.position import Fix

F64 = NDArray[np.float64]

EQUATOR_M = 6_378_137.0
ECCENTRICITY_2 = 0.00669437999014
SMALLEST_COSINE = 1e-6
"""At the poles a degree of longitude has no length; nobody drives there."""


def metres_per_degree(latitude_deg: float) -> tuple[float, float]:
    """Return how many metres a degree of latitude has at a latitude, and how many one of longitude."""
    latitude = math.radians(latitude_deg)
    flattened = 1 - ECCENTRICITY_2 * math.sin(latitude) ** 2
    to_north_m = EQUATOR_M * (1 - ECCENTRICITY_2) / flattened**1.5
    to_east_m = EQUATOR_M / flattened**0.5 * max(math.cos(latitude), SMALLEST_COSINE)
    return math.radians(to_north_m), math.radians(to_east_m)


def offset_m(latitude_deg: float, longitude_deg: float, from_deg: tuple[float, float]) -> tuple[float, float]:
    """Return how far a place lies to the east and to the north of another (latitude, longitude), a few km away."""
    north_m, east_m = metres_per_degree((latitude_deg + from_deg[0]) / 2)
    return turned(longitude_deg - from_deg[1]) * east_m, (latitude_deg - from_deg[0]) * north_m


def moved(latitude_deg: float, longitude_deg: float, east_m: float, north_m: float) -> tuple[float, float]:
    """Return the latitude and longitude of what lies some metres to the east and the north of a place."""
    per_north_m, per_east_m = metres_per_degree(latitude_deg)
    latitude = min(max(latitude_deg + north_m / per_north_m, -90.0), 90.0)
    return latitude, turned(longitude_deg + east_m / per_east_m)


def turned(angle_deg: float) -> float:
    """Return an angle or a longitude within -180..180."""
    return angle_deg if -180 <= angle_deg <= 180 else (angle_deg + 180) % 360 - 180


def distance_between_m(one: Fix, other: Fix) -> float:
    """Return the distance of two fixes, which is right to 1 % up to some hundred km."""
    east_m, north_m = offset_m(one.latitude_deg, one.longitude_deg, from_deg=(other.latitude_deg, other.longitude_deg))
    return math.hypot(east_m, north_m)


def course_of(east: float, north: float) -> float:
    """Return the course (degrees clockwise from north, 0..360) of a movement to the east and the north."""
    return math.degrees(math.atan2(east, north)) % 360
