"""One frame's geometry: where the car is, what is in view, and where each sign's corners fall in the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from streamvision.synthetic.drive.camera import Camera, create_camera
from streamvision.synthetic.drive.course import LAP_M, Course
from streamvision.synthetic.drive.roadside import Mounted, Pole, turned_face
from streamvision.synthetic.drive.sign_faces import Face
from streamvision.synthetic.drive.weather import Weather, weather_at

F64 = NDArray[np.float64]
_RIGHT, _UP = np.array([-1.0, 1.0, 1.0, -1.0]), np.array([1.0, 1.0, 0.0, 0.0])
_BEHIND_M = 60.0
_GRID_M = np.arange(-_BEHIND_M, 400.0)  # bends are so wide that straight lines between whole metres do


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

    def ahead_m(self, place_m: float) -> float:
        """Return how far ahead the next passage of a place of the lap is; a little behind is negative."""
        return (place_m - self.s_m + _BEHIND_M) % LAP_M - _BEHIND_M

    def road_to_camera_m(self, road_x_m: float, z_m: float) -> float:
        """Return the place right of the camera of something beside the road."""
        return _between(self._middle_x_m, z_m) + road_x_m

    def turn_rad(self, z_m: float) -> float:
        """Return how the road's direction there differs from the camera's."""
        return _between(self._turn_rad, z_m)

    @cached_property
    def _middle_x_m(self) -> list[float]:
        return self.course.middle_x_m(self.s_m, _GRID_M).tolist()  # type: ignore[no-any-return]

    @cached_property
    def _turn_rad(self) -> list[float]:
        heading = self.course.heading_rad(self.s_m + _GRID_M)
        return (heading - self.course.heading_rad(self.s_m)).tolist()  # type: ignore[no-any-return]


def _between(table: list[float], z_m: float) -> float:
    """Look a distance up in a table over :data:`_GRID_M`."""
    place = min(max(z_m + _BEHIND_M, 0.0), len(table) - 1.001)
    index = int(place)
    return table[index] + (place - index) * (table[index + 1] - table[index])


def moment_at(course: Course, index: int, *, fps: float, width_px: int, height_px: int) -> Moment:
    """Return the state at a frame."""
    time_s = index / fps
    s_m = course.position_m(time_s)
    camera = create_camera(width_px, height_px, time_s=time_s, speed_m_s=course.speed_m_s(s_m))
    return Moment(time_s, s_m, camera, weather_at((s_m % LAP_M) / LAP_M), course)


@dataclass(frozen=True, eq=False)
class SeenFace:
    """A face in view."""

    face: Face
    """What is seen."""
    mounted: Mounted
    """What it belongs to."""
    corners_px: F64
    """(4, 2) corners, clockwise from its top left."""
    z_m: float
    """Distance."""
    lap: int
    """The lap in which the car passes it."""


def faces_of(moment: Moment, pole: Pole) -> list[SeenFace]:
    """Return the faces on a pole as they are seen now."""
    z_m = moment.ahead_m(pole.s_m)
    pole_x_m = moment.road_to_camera_m(pole.x_m, z_m)
    lap = round((moment.s_m + z_m - pole.s_m) / LAP_M)
    turn_rad = moment.turn_rad(z_m)
    seen = []
    for mounted in pole.mounted:
        face = turned_face(mounted, z_m)
        angle = turn_rad + mounted.yaw_rad
        half_x, half_z = face.width_m / 2 * math.cos(angle), -face.width_m / 2 * math.sin(angle)
        x_m = pole_x_m + mounted.x_m + half_x * _RIGHT
        height_m = mounted.low_m + _UP * face.height_m
        depth_m = z_m + half_z * _RIGHT
        seen.append(SeenFace(face, mounted, moment.camera.project(x_m, height_m, depth_m), z_m, lap))
    return seen
