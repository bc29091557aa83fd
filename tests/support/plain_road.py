"""A road with bends, a car with a pinhole camera on it, and the boxes of signs that a test puts beside the road."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from streamvision.core.position import Fix
from streamvision.geolocation.records import TrackBoxes
from streamvision.gps.earth import moved
from streamvision.gps.track import GpsTrack

F64 = NDArray[np.float64]
HOME_DEG = (48.2, 11.6)
START_S = 1_782_032_400.0
PICTURE_PX = (1280, 720)


class PlainRoad:
    """A drive along a winding road that begins at ``HOME_DEG`` and leads north.

    Args:
        seconds: how long the drive takes.
        focal_px: focal length of the camera.
        yaw_deg: where the camera looks, clockwise from straight ahead.
        delay_s: how much later the receiver says what the pictures show.
        start_s: when it begins.
        backwards: drive it from its end.
        error_m: what all positions are off, to the east and north.
    """

    def __init__(
        self,
        seconds: float = 60.0,
        *,
        focal_px: float = 900.0,
        yaw_deg: float = 0.0,
        delay_s: float = 0.0,
        start_s: float = START_S,
        backwards: bool = False,
        error_m: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self._focal_px, self._yaw_rad, self._delay_s, self._start_s = focal_px, math.radians(yaw_deg), delay_s, start_s
        self._error_m = error_m
        self.time_s = np.arange(0.0, seconds, 0.1)
        driven = np.concatenate([[0.0], np.cumsum((11 + 4 * np.sin(self.time_s / 7)) * 0.1)])[:-1]
        self._driven_m = driven[-1] - driven if backwards else driven
        self.heading_rad = self._road_heading(self._driven_m) + (math.pi if backwards else 0.0)
        self.speed_m_s = np.gradient(driven, self.time_s)
        self.position_m = np.array([self.beside(at, 0.0) for at in self._driven_m])

    @staticmethod
    def _road_heading(driven_m: F64 | float) -> F64:
        return np.asarray(0.35 * np.sin(np.asarray(driven_m) / 90))

    def beside(self, driven_m: float, right_m: float) -> tuple[float, float]:
        """Return what lies right of the road, east and north of its beginning."""
        steps = np.linspace(0, driven_m, 400)
        heading = self._road_heading((steps[1:] + steps[:-1]) / 2)
        end = float(self._road_heading(driven_m))
        east, north = (float(turn(heading).sum() * driven_m / 399) for turn in (np.sin, np.cos))
        return east + right_m * math.cos(end), north - right_m * math.sin(end)

    def way(self) -> GpsTrack:
        """Return a fix a second."""
        fixes = []
        for second in range(math.ceil(self.time_s[-1])):
            at = min(round(second / 0.1), len(self.time_s) - 1)
            place = moved(*HOME_DEG, *(self.position_m[at] + self._error_m))
            course = math.degrees(self.heading_rad[at]) % 360
            unix_s = self._start_s + second + self._delay_s
            fixes.append(Fix(*place, unix_s, speed_m_s=float(self.speed_m_s[at]), course_deg=course))
        return GpsTrack(fixes, "container")

    def seen(
        self,
        number: int,
        place_m: tuple[float, float] | Callable[[F64], F64],
        *,
        name: str = "stop",
        size_m: float = 0.9,
        rise_m: float = 1.2,
        from_m: float = 70.0,
        between_s: tuple[float, float] = (0.0, math.inf),
        score: float = 0.9,
        noise_px: float = 0.5,
    ) -> TrackBoxes:
        """Return the boxes of what stands at a place, or moves: a function of the seconds (N,) gives (N, 2) metres."""
        at = place_m(self.time_s) if callable(place_m) else np.asarray(place_m)
        away = at - self.position_m
        axis = self.heading_rad + self._yaw_rad
        x = away[:, 0] * np.cos(axis) - away[:, 1] * np.sin(axis)
        z = away[:, 0] * np.sin(axis) + away[:, 1] * np.cos(axis)
        scale = self._focal_px / np.maximum(z, 0.1)
        column, row = PICTURE_PX[0] / 2 + scale * x, 340 - scale * rise_m
        half = scale * size_m / 2
        box = np.stack([column - half, row - half, column + half, row + half], axis=1)
        box += np.random.default_rng(number).normal(0, noise_px, box.shape)
        shown = (z > 2) & (z < from_m) & (box[:, 0] > 0) & (box[:, 2] < PICTURE_PX[0]) & (box[:, 1] > 0)
        shown &= (self.time_s >= between_s[0]) & (self.time_s <= between_s[1])
        count = int(shown.sum())
        return TrackBoxes(
            number, name, self._start_s + self.time_s[shown], box[shown], np.full(count, score), PICTURE_PX
        )
