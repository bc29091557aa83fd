"""Where the car is, and how the road lies before its camera.

Road coordinates are in metres: ``x`` to the right of the camera, ``height`` above the ground, ``z`` ahead. The dashcam
is a pinhole that looks along the road, level but for the car's vibration. The lap is a winding road that closes on
itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamvision.synthetic.drive.weather import Weather, weather_at

F64 = NDArray[np.float64]
CAMERA_HEIGHT_M = 1.4
NEAR_M = 0.8
"""Nothing is projected from nearer than this."""
FOCAL_PER_WIDTH = 0.9  # a horizontal field of view of 58 degrees, as many dashcams have
HORIZON_PER_HEIGHT = 0.46


@dataclass(frozen=True)
class Camera:
    """One frame's camera."""

    width_px: int
    """Width of the picture."""
    height_px: int
    """Height of the picture."""
    focal_px: float
    """Focal length."""
    horizon_px: float
    """Row of the horizon; it moves as the car pitches."""

    @property
    def center_px(self) -> float:
        """Column straight ahead."""
        return self.width_px / 2

    def project(self, x_m: ArrayLike, height_m: ArrayLike, z_m: ArrayLike) -> F64:
        """Return the (N, 2) continuous pixel coordinates of N points ahead; single numbers count for all points."""
        scale = self.focal_px / np.maximum(np.asarray(z_m, np.float64), NEAR_M)
        column = self.center_px + scale * np.asarray(x_m, np.float64)
        row = self.horizon_px + scale * (CAMERA_HEIGHT_M - np.asarray(height_m, np.float64))
        points = np.empty((max(np.size(column), np.size(row)), 2))
        points[:, 0], points[:, 1] = column, row
        return points

    def column_px(self, x_m: float, z_m: float) -> float:
        """Return the column of a point ahead."""
        return self.center_px + x_m * self.scale_px_per_m(z_m)

    def row_px(self, height_m: float, z_m: float) -> float:
        """Return the row of a point ahead."""
        return self.horizon_px + (CAMERA_HEIGHT_M - height_m) * self.scale_px_per_m(z_m)

    def scale_px_per_m(self, z_m: float) -> float:
        """Return how large a metre looks at a distance."""
        return self.focal_px / max(z_m, NEAR_M)


def create_camera(width_px: int, height_px: int, *, time_s: float, speed_m_s: float) -> Camera:
    """Return the camera of a moment: the engine shakes it a little, the road's waves pitch it slowly."""
    wobble = 0.0011 * np.sin(2 * np.pi * 0.43 * time_s) + 0.0007 * np.sin(2 * np.pi * 1.13 * time_s + 1.0)
    shake = 0.00028 * np.sin(2 * np.pi * 7.3 * time_s) * min(speed_m_s / 14.0, 1.2)
    focal_px = FOCAL_PER_WIDTH * width_px
    return Camera(width_px, height_px, focal_px, HORIZON_PER_HEIGHT * height_px + focal_px * float(wobble + shake))


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

    def __init__(self, rng: np.random.Generator, slow_zones: Sequence[tuple[float, float]]) -> None:
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
        heading: F64 = -(np.cos(self._angle(s_m)) * (self._curvature_per_m / self._wave_per_m)).sum(axis=-1)
        return heading

    def curvature_per_m(self, s_m: ArrayLike) -> F64:
        """Return how fast the direction turns along the way, in radians a metre, positive to the right."""
        curvature: F64 = (np.sin(self._angle(s_m)) * self._curvature_per_m).sum(axis=-1)
        return curvature

    def _displacement_m(self, s_m: ArrayLike) -> F64:
        displacement: F64 = -(np.sin(self._angle(s_m)) * (self._curvature_per_m / self._wave_per_m**2)).sum(axis=-1)
        return displacement

    def _angle(self, s_m: ArrayLike) -> F64:
        return np.multiply.outer(np.asarray(s_m, np.float64), self._wave_per_m) + self._phase

    def middle_x_m(self, s_m: float, z_m: ArrayLike) -> F64:
        """Return where the middle of the road lies, right of the camera, at distances ahead of a place."""
        ahead_m = np.asarray(z_m, np.float64)
        straight = self._displacement_m(s_m) + self.heading_rad(s_m) * ahead_m
        return self._displacement_m(s_m + ahead_m) - straight - EGO_LANE_X_M


_BEHIND_M = 60.0
_TABLE_M = np.arange(-_BEHIND_M, 400.0)  # bends are so wide that straight lines between whole metres do


@dataclass(frozen=True, eq=False)
class Moment:
    """The state of the drive at one frame."""

    time_s: float
    """Since the start of the film."""
    s_m: float
    """Way driven."""
    camera: Camera
    """Where pixels come from."""
    weather: Weather
    """The light."""
    course: Course
    """The road."""
    offset_m: float = 0.0
    """How far right of the middle of its lane the camera is."""
    yaw_rad: float = 0.0
    """How far right of the road's direction the camera looks; small, as the road's own turns are."""
    lights_s: float | None = None
    """Time by which traffic lights change; ``None``: they change as they are approached."""

    @cached_property
    def heading_rad(self) -> float:
        """Direction in which the camera looks."""
        return float(self.course.heading_rad(self.s_m)) + self.yaw_rad

    def middle_x_m(self, z_m: ArrayLike) -> F64:
        """Return where the middle of the road lies, right of the camera, at distances ahead."""
        beside_m: F64 = self.offset_m + self.yaw_rad * np.asarray(z_m, np.float64)
        return self.course.middle_x_m(self.s_m, z_m) - beside_m

    def ahead_m(self, place_m: float) -> float:
        """Return how far ahead the next passage of a place of the lap is; a little behind is negative."""
        return (place_m - self.s_m + _BEHIND_M) % LAP_M - _BEHIND_M

    def road_to_camera_m(self, road_x_m: float, z_m: float) -> float:
        """Return the place right of the camera of something beside the road."""
        return _between(self._middle_table_m, z_m) + road_x_m

    def turn_rad(self, z_m: float) -> float:
        """Return how the road's direction there differs from the camera's."""
        return _between(self._turn_rad, z_m)

    @cached_property
    def _middle_table_m(self) -> list[float]:
        return self.middle_x_m(_TABLE_M).tolist()  # type: ignore[no-any-return]

    @cached_property
    def _turn_rad(self) -> list[float]:
        return (self.course.heading_rad(self.s_m + _TABLE_M) - self.heading_rad).tolist()  # type: ignore[no-any-return]


def _between(table: list[float], z_m: float) -> float:
    """Look a distance up in a table over :data:`_TABLE_M`."""
    place = min(max(z_m + _BEHIND_M, 0.0), len(table) - 1.001)
    index = int(place)
    return table[index] + (place - index) * (table[index + 1] - table[index])


def moment_at(course: Course, time_s: float, *, width_px: int, height_px: int) -> Moment:
    """Return the state at a time since the start of the film."""
    s_m = course.position_m(time_s)
    camera = create_camera(width_px, height_px, time_s=time_s, speed_m_s=course.speed_m_s(s_m))
    return Moment(time_s, s_m, camera, weather_at((s_m % LAP_M) / LAP_M), course)
