"""The synthetic drive on earth: the way of its camera, and where its signs and lights stand.

The middle of the road is integrated by its heading, and the camera and the signs lie beside it at right angles, on the
ellipsoid WGS 84. The painter draws the road ahead as a parabola and counts distances along the middle of the road, so
drawn bearings differ from the true ones by 0.3 degrees in the mean and 1.5 at most, and distances by 3 % (6 % in the
sharpest bends). The way does not close: each lap of the scene continues the road, and its signs are other ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamvision.synthetic.drive import DriveScene
from streamvision.synthetic.drive.roadside import Mounted, Pole
from streamvision.synthetic.drive.view import EGO_LANE_X_M, LAP_M

F64 = NDArray[np.float64]
_SEMI_MAJOR_M = 6_378_137.0
_ECCENTRICITY_SQUARED = 0.00669437999014
_STEP_M = 0.5
_BEYOND_M = 300.0
"""Signs are drawn from nearer than this."""


@dataclass(frozen=True, eq=False)
class Way:
    """Places of the camera, one for each time."""

    latitude_deg: F64
    """(N,) north of the equator."""
    longitude_deg: F64
    """(N,) east of Greenwich."""
    speed_m_s: F64
    """(N,) over ground."""
    course_deg: F64
    """(N,) clockwise from north, 0..360; the camera looks there."""

    def moved(self, east_m: ArrayLike, north_m: ArrayLike) -> Way:
        """Return it with its places shifted."""
        lat, lon = moved_deg(self.latitude_deg, self.longitude_deg, east_m, north_m)
        return Way(lat, lon, self.speed_m_s, self.course_deg)


@dataclass(frozen=True)
class TrueObject:
    """One physical sign or light."""

    id: int
    """Its number, from 1: as :meth:`DriveScene.objects_at` tells it, and the same in each drive."""
    class_name: str
    """What it is."""
    text: str | None
    """What is written on it."""
    latitude_deg: float
    """Of its middle."""
    longitude_deg: float
    """Of its middle."""
    height_m: float
    """Of its middle above the ground."""
    right_m: float
    """How far right of the camera's way it stands; negative: left."""


class DriveWorld:
    """The world of one scene.

    Args:
        scene: the drive.
        length_m: how far it goes.
        origin_deg: latitude and longitude of the middle of the road where the way begins.
        bearing_deg: direction around which the road winds.
    """

    def __init__(self, scene: DriveScene, length_m: float, origin_deg: tuple[float, float], bearing_deg: float) -> None:
        self._scene = scene
        self._length_m = length_m
        self._s_m = np.arange(0.0, length_m + _BEYOND_M, _STEP_M)
        self._heading_rad = scene.course.heading_rad(self._s_m) + math.radians(bearing_deg)
        between = scene.course.heading_rad(self._s_m[:-1] + _STEP_M / 2) + math.radians(bearing_deg)
        self._latitude_deg, self._longitude_deg = _integrated(between, origin_deg)

    def camera_way(self, drive_s: F64) -> Way:
        """Return where the camera is at times of the drive."""
        course = self._scene.course
        s_m = np.array([course.position_m(float(time_s)) for time_s in drive_s])
        speed_m_s = np.array([course.speed_m_s(float(place_m)) for place_m in s_m])
        lat, lon, heading_rad = self._beside(s_m, EGO_LANE_X_M)
        curvature = np.gradient(self._heading_rad, _STEP_M)
        inner = 1 - EGO_LANE_X_M * np.interp(s_m, self._s_m, curvature)
        return Way(lat, lon, speed_m_s * inner, np.degrees(heading_rad) % 360)

    def objects(self) -> list[TrueObject]:
        """Return all that stands along the way, in the order in which the camera passes it."""
        laps = math.ceil((self._length_m + _BEYOND_M) / LAP_M)
        last_m = self._s_m[-1]
        poles = self._scene.roadside.poles
        placed = [(lap * LAP_M + pole.s_m, lap, pole) for lap in range(laps) for pole in poles]
        placed.sort(key=lambda item: item[0])
        return [
            self._object(s_m, lap, pole, mounted)
            for s_m, lap, pole in placed
            if s_m < last_m
            for mounted in pole.mounted
            if mounted.identity is not None
        ]

    def _object(self, s_m: float, lap: int, pole: Pole, mounted: Mounted) -> TrueObject:
        road_x_m = pole.x_m + mounted.x_m
        lat, lon, _ = self._beside(np.array([s_m]), road_x_m)
        face = mounted.face
        height_m = face.height_m if face else _LIGHT_HEIGHT_M
        assert mounted.identity is not None
        return TrueObject(
            lap * self._scene.roadside.objects + mounted.identity + 1,
            self._scene.names[face.class_id] if face and face.class_id is not None else "trafficlight",
            face.text if face else None,
            float(lat[0]),
            float(lon[0]),
            mounted.low_m + height_m / 2,
            road_x_m - EGO_LANE_X_M,
        )

    def _beside(self, s_m: F64, right_m: float) -> tuple[F64, F64, F64]:
        """Return latitudes, longitudes and the road's headings at places right of its middle."""
        lat, lon, heading_rad = (
            np.interp(s_m, self._s_m, table) for table in (self._latitude_deg, self._longitude_deg, self._heading_rad)
        )
        lat, lon = moved_deg(lat, lon, right_m * np.cos(heading_rad), -right_m * np.sin(heading_rad))
        return lat, lon, heading_rad


_LIGHT_HEIGHT_M = 1.2


def moved_deg(
    latitude_deg: ArrayLike, longitude_deg: ArrayLike, east_m: ArrayLike, north_m: ArrayLike
) -> tuple[F64, F64]:
    """Return latitudes and longitudes that lie some metres away."""
    lat, lon = np.asarray(latitude_deg, np.float64), np.asarray(longitude_deg, np.float64)
    to_north_m, to_east_m = metres_per_degree(lat)
    return lat + np.asarray(north_m) / to_north_m, lon + np.asarray(east_m) / to_east_m


def metres_per_degree(latitude_deg: ArrayLike) -> tuple[F64, F64]:
    """Return how long a degree of latitude and one of longitude are on the ellipsoid."""
    lat = np.radians(np.asarray(latitude_deg, np.float64))
    flat = 1 - _ECCENTRICITY_SQUARED * np.sin(lat) ** 2
    meridian_m = _SEMI_MAJOR_M * (1 - _ECCENTRICITY_SQUARED) / flat**1.5
    parallel_m = _SEMI_MAJOR_M / np.sqrt(flat) * np.cos(lat)
    return np.radians(meridian_m), np.radians(parallel_m)


def _integrated(heading_rad: F64, origin_deg: tuple[float, float]) -> tuple[F64, F64]:
    """Return latitudes and longitudes of a line that begins at the origin and has these headings from step to step."""
    north_m = np.concatenate([[0.0], np.cumsum(np.cos(heading_rad) * _STEP_M)])
    lat = origin_deg[0] + north_m / metres_per_degree(origin_deg[0])[0]
    lat = origin_deg[0] + north_m / metres_per_degree((origin_deg[0] + lat) / 2)[0]
    to_east_m = metres_per_degree((lat[1:] + lat[:-1]) / 2)[1]
    lon = origin_deg[1] + np.concatenate([[0.0], np.cumsum(np.sin(heading_rad) * _STEP_M / to_east_m)])
    return lat, lon
