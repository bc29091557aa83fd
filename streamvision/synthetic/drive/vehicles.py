"""Vehicles: who else is on the road, as a function of time, and how they are drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamvision.synthetic.drive.bodies import MODELS, Body, BodyFace, VehicleModel, body_of
from streamvision.synthetic.drive.effects import draw_lamp, draw_shadow
from streamvision.synthetic.drive.planes import NEUTRAL, Painting, Tone, Yuv, fixed_points, yuv_of
from streamvision.synthetic.drive.view import F64, LANE_M, Camera, Course, Moment

PAINTS_RGB = (
    (188, 30, 34), (28, 62, 140), (232, 234, 236), (42, 44, 48),
    (150, 156, 162), (206, 160, 34), (36, 96, 74), (96, 34, 60),
)  # fmt: skip
_PART_YUV: dict[str, Yuv] = {
    "trim": yuv_of(34, 35, 38),
    "glass": yuv_of(34, 42, 54),
    "shine": yuv_of(104, 124, 142),
    "plate": yuv_of(226, 226, 214),
    "tire": yuv_of(18, 18, 20),
    "rim": yuv_of(120, 122, 126),
    "tail": yuv_of(150, 16, 18),
    "head": yuv_of(222, 226, 230),
    "cargo": yuv_of(206, 208, 210),
    "seam": yuv_of(140, 142, 146),
}
_LIT_YUV = {"tail": yuv_of(255, 44, 34), "head": yuv_of(255, 252, 236)}
_SHAPE_FROM_PX, _DETAIL_FROM_PX = 11.0, 26.0
_NEAREST_END_M = 1.5
"""A vehicle whose far end is nearer than this is beside the camera, and not painted."""
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, pixels."""


@dataclass(frozen=True)
class Vehicle:
    """One vehicle at one moment, relative to the camera."""

    model: VehicleModel
    paint: int
    """Index into :data:`PAINTS_RGB`."""
    x_m: float
    """Of its middle."""
    z_m: float
    """Of the end that faces the camera."""
    yaw_rad: float
    """Direction of the road there, positive to the right."""
    oncoming: bool
    """Whether its front faces the camera."""
    braking: bool
    """Whether its brake lamps burn."""
    identity: int = 0
    """Counts from 1 where it is known; a vehicle that has been passed comes back as another."""

    @property
    def heading_rad(self) -> float:
        """Where its front points: 0 ahead, positive to the right, -pi..pi."""
        return math.remainder(self.yaw_rad + (math.pi if self.oncoming else 0.0), 2 * math.pi)

    @property
    def middle_xz_m(self) -> tuple[float, float]:
        """Right of the camera and ahead of it, where its middle stands on the road."""
        half_m = body_of(self.model).length_m / 2
        return self.x_m + math.sin(self.yaw_rad) * half_m, self.z_m + math.cos(self.yaw_rad) * half_m


def draw_vehicle(planes: Painting, moment: Moment, vehicle: Vehicle) -> None:
    """Draw a vehicle, its shadow and its lamps."""
    body, camera, weather = body_of(vehicle.model), moment.camera, moment.weather
    if vehicle.z_m + body.length_m < _NEAREST_END_M:
        return
    planes.paints("vehicle", vehicle.identity)
    half_m = (body.width_m * 0.62, body.length_m * 0.62)
    draw_shadow(planes, moment, *vehicle.middle_xz_m, half_m=half_m, darkness=0.45 + 0.4 * weather.shadow)
    if _height_px(camera, vehicle, body) < _SHAPE_FROM_PX:
        _draw_far(planes, moment, vehicle, body)
        _draw_lamps(planes, moment, vehicle, body)
        return
    points_m, points, visible = _shape(camera, vehicle, body)
    if points[:, 0].max() < 0 or points[:, 0].min() > planes.width_px:
        return
    depth_m = body.mean_by_face(points_m[:, 2] + 0.4 * np.abs(points_m[:, 0]))
    order = np.lexsort((-depth_m, body.layer))
    luma_points, chroma_points = fixed_points(points)
    tone, paint, lit = weather.tone_at(vehicle.z_m), yuv_of(*PAINTS_RGB[vehicle.paint]), weather.lamps > 0.3
    for index in order[visible[order]].tolist():
        begin, end = body.begin[index], body.begin[index + 1]
        color = _color(body.faces[index], paint, tone, lit=lit, braking=vehicle.braking)
        planes.fixed_polygon(luma_points[begin:end], chroma_points[begin:end], color)
    _draw_lamps(planes, moment, vehicle, body)


def painted_extent_px(camera: Camera, vehicle: Vehicle) -> Box | None:
    """Return the box (left, top, right, bottom) around what is painted of a vehicle, beyond the picture too.

    ``None`` where it is so near that it is not painted.
    """
    body = body_of(vehicle.model)
    if vehicle.z_m + body.length_m < _NEAREST_END_M:
        return None
    if _height_px(camera, vehicle, body) < _SHAPE_FROM_PX:
        low, high = _far_boxes(camera, vehicle, body)
        return low[0], high[1], low[2], low[3]
    _, points, visible = _shape(camera, vehicle, body)
    shown = points[np.repeat(visible, np.diff(body.begin))]
    if not len(shown):
        return None
    (left, top), (right, bottom) = shown.min(axis=0).tolist(), shown.max(axis=0).tolist()
    return left, top, right, bottom


def _height_px(camera: Camera, vehicle: Vehicle, body: Body) -> float:
    return body.height_m * camera.scale_px_per_m(vehicle.z_m)


def _shape(camera: Camera, vehicle: Vehicle, body: Body) -> tuple[F64, F64, NDArray[np.bool_]]:
    """Return where the body's points are in metres (N, 3) and in the picture (N, 2), and which faces show (F,)."""
    along, across = body.points_m[:, 2], body.points_m[:, 0]
    if vehicle.oncoming:
        along, across = body.length_m - along, -across
    sine, cosine = math.sin(vehicle.yaw_rad), math.cos(vehicle.yaw_rad)
    x_m, z_m = vehicle.x_m + across * cosine + along * sine, vehicle.z_m + along * cosine - across * sine
    points = camera.project(x_m, body.points_m[:, 1], z_m)
    visible = body.faces_camera(points)
    if _height_px(camera, vehicle, body) < _DETAIL_FROM_PX:
        visible &= body.coarse
    return np.stack([x_m, body.points_m[:, 1], z_m], axis=1), points, visible


def _far_boxes(camera: Camera, vehicle: Vehicle, body: Body) -> tuple[Box, Box]:
    """Return the boxes of the lower and the upper part of a vehicle that is too far away to show its shape."""

    def box(low: float, high: float, inset_m: float) -> Box:
        half_m = body.width_m / 2 - inset_m
        left, right = (camera.column_px(vehicle.x_m + side * half_m, vehicle.z_m) for side in (-1, 1))
        top, bottom = (camera.row_px(share * body.height_m, vehicle.z_m) for share in (high, low))
        return left, top, right, bottom

    return box(0.0, 0.62, 0.0), box(0.62, 1.0, 0.16)


def _draw_far(planes: Painting, moment: Moment, vehicle: Vehicle, body: Body) -> None:
    tone, (luma, u, v) = moment.weather.tone_at(vehicle.z_m), yuv_of(*PAINTS_RGB[vehicle.paint])
    low, high = _far_boxes(moment.camera, vehicle, body)
    planes.upright_box(low, tone.apply((0.86 * luma, u, v)))
    planes.upright_box(high, tone.apply(_PART_YUV["glass"] if body.height_m < 2 else (0.9 * luma, u, v)))


def _color(face: BodyFace, paint: Yuv, tone: Tone, *, lit: bool, braking: bool) -> Yuv:
    if (face.part == "tail" and (lit or braking)) or (face.part == "head" and lit):
        return NEUTRAL.apply(_LIT_YUV[face.part])
    luma, u, v = paint if face.part == "paint" else _PART_YUV[face.part]
    return tone.apply((min(luma * face.light, 255), u, v))


def _draw_lamps(planes: Painting, moment: Moment, vehicle: Vehicle, body: Body) -> None:
    fading = min(max((280 - vehicle.z_m) / 80, 0.0), 1.0) * min(max(vehicle.z_m / 6 - 0.5, 0.0), 1.0)
    strength = moment.weather.lamps * (0.85 if vehicle.oncoming else 0.55)
    if vehicle.braking and not vehicle.oncoming:
        strength = max(strength, 0.35) + 0.2
    rgb, radius_m = ((255, 246, 214), 0.62) if vehicle.oncoming else ((255, 40, 28), 0.42)
    for side in (-1, 1):
        place_m = (vehicle.x_m + side * 0.39 * body.width_m, body.lamp_height_m, vehicle.z_m)
        draw_lamp(planes, moment, place_m, rgb, radius_m=radius_m, strength=strength * fading)


_SPAN_M = 330.0
"""Vehicles come into being this far ahead of where they vanish."""
_BEHIND_M = 14.0


class _Follower(NamedTuple):
    """A vehicle among others that follow each other on one lane at one speed."""

    start_m: float
    """Place along the span at the start of the film."""
    road_x_m: float
    """Right of the middle of the road."""
    approach_m_s: float
    """Speed towards the camera's car when that stands still (oncoming), or relative to it (same way)."""
    oncoming: bool
    model: VehicleModel
    paint: int


class Traffic:
    """The other vehicles of one drive: oncoming lanes, overtakers, and a car ahead."""

    def __init__(self, rng: np.random.Generator, course: Course) -> None:
        self._course = course
        self._followers = [
            *_followers(rng, -0.5 * LANE_M, 14.0, True, 3),
            *_followers(rng, -1.5 * LANE_M, 11.5, True, 3),
            *_followers(rng, 0.5 * LANE_M, -2.6, False, 2),
        ]
        self._ahead_phase = rng.uniform(0, 2 * np.pi, 2)
        self._ahead_paint = int(rng.integers(len(PAINTS_RGB)))

    def at(self, time_s: float, s_m: float) -> list[Vehicle]:
        """Return the vehicles in view, in no order."""
        first, second = self._ahead_phase
        ahead_m = 34 + 9 * np.sin(2 * np.pi * time_s / 31 + first) + 4 * np.sin(2 * np.pi * time_s / 13.7 + second)
        ahead_x_m = 1.5 * LANE_M + 0.12 * float(np.sin(time_s / 3))
        places: list[tuple[float, float, bool, VehicleModel, int, int]] = []
        kinds = len(self._followers) + 1
        for number, (start_m, road_x_m, approach_m_s, oncoming, model, paint) in enumerate(self._followers):
            driven_m = approach_m_s * time_s + (s_m if oncoming else 0.0)
            passed, place_m = divmod(start_m - driven_m, _SPAN_M)
            identity = int(abs(passed)) * kinds + number + 2
            places.append((place_m - _BEHIND_M, road_x_m, oncoming, model, paint, identity))
        places.append((float(ahead_m), ahead_x_m, False, "wagon", self._ahead_paint, 1))
        heading_rad = float(self._course.heading_rad(s_m))
        slowing = self._course.speed_m_s(s_m + 6) < self._course.speed_m_s(s_m) - 0.15
        vehicles = []
        for z_m, road_x_m, oncoming, model, paint, identity in places:
            if z_m + body_of(model).length_m < 2.0 or z_m < -6.0:
                continue
            x_m = float(self._course.middle_x_m(s_m, z_m)) + road_x_m
            yaw_rad = float(self._course.heading_rad(s_m + z_m)) - heading_rad
            braking = slowing and not oncoming
            vehicles.append(Vehicle(model, paint, x_m, z_m, yaw_rad, oncoming, braking, identity))
        return vehicles


def _followers(
    rng: np.random.Generator, lane_x_m: float, approach_m_s: float, oncoming: bool, count: int
) -> Iterator[_Follower]:
    spacing_m = _SPAN_M / count
    for index in range(count):
        start_m = float((index + rng.uniform(0.2, 0.8)) * spacing_m)
        model = MODELS[rng.choice(len(MODELS), p=[0.38, 0.30, 0.16, 0.16])]
        paint, offset_m = int(rng.integers(len(PAINTS_RGB))), float(rng.uniform(-0.2, 0.2))
        yield _Follower(start_m, lane_x_m + offset_m, approach_m_s, oncoming, model, paint)
