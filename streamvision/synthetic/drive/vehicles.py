"""How vehicles are drawn: their faces that look at the camera, their shadow, and their lamps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from streamvision.synthetic.drive.bodies import Body, BodyFace, VehicleModel, body_of
from streamvision.synthetic.drive.camera import Camera
from streamvision.synthetic.drive.glow import draw_lamp, draw_shadow
from streamvision.synthetic.drive.planes import NEUTRAL, Planes, Tone, Yuv, fixed_points, yuv_of
from streamvision.synthetic.drive.weather import Weather

PAINTS_RGB = (
    (188, 30, 34),
    (28, 62, 140),
    (232, 234, 236),
    (42, 44, 48),
    (150, 156, 162),
    (206, 160, 34),
    (36, 96, 74),
    (96, 34, 60),
)
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


def draw_vehicle(planes: Planes, camera: Camera, weather: Weather, vehicle: Vehicle) -> None:
    """Draw a vehicle, its shadow and its lamps."""
    body = body_of(vehicle.model)
    if vehicle.z_m + body.length_m < 1.5:
        return
    planes.paints("vehicle")
    turn = math.sin(vehicle.yaw_rad)
    draw_shadow(
        planes,
        camera,
        x_m=vehicle.x_m + turn * body.length_m / 2,
        z_m=vehicle.z_m + body.length_m / 2,
        half_width_m=body.width_m * 0.62,
        half_length_m=body.length_m * 0.62,
        darkness=0.45 + 0.4 * weather.shadow,
    )
    if body.height_m * camera.scale_px_per_m(vehicle.z_m) < _SHAPE_FROM_PX:
        _draw_far(planes, camera, weather, vehicle, body)
        return
    along, across = body.points_m[:, 2], body.points_m[:, 0]
    if vehicle.oncoming:
        along, across = body.length_m - along, -across
    x_m = vehicle.x_m + across + along * turn
    points = camera.project(x_m, body.points_m[:, 1], vehicle.z_m + along)
    if points[:, 0].max() < 0 or points[:, 0].min() > planes.width_px:
        return
    visible = body.faces_camera(points)
    if body.height_m * camera.scale_px_per_m(vehicle.z_m) < _DETAIL_FROM_PX:
        visible &= body.coarse
    depth_m = body.mean_by_face(along + 0.4 * np.abs(x_m))
    order = np.lexsort((-depth_m, body.layer))
    luma_points, chroma_points = fixed_points(points)
    tone = weather.tone_at(vehicle.z_m)
    paint = yuv_of(*PAINTS_RGB[vehicle.paint])
    lit = weather.lamps > 0.3
    for index in order[visible[order]].tolist():
        face, begin, end = body.faces[index], body.begin[index], body.begin[index + 1]
        color = _color(face, paint, tone, lit=lit, braking=vehicle.braking)
        planes.fixed_polygon(luma_points[begin:end], chroma_points[begin:end], color)
    _draw_lamps(planes, camera, weather, vehicle, body)


def _draw_far(planes: Planes, camera: Camera, weather: Weather, vehicle: Vehicle, body: Body) -> None:
    """Draw a vehicle that is too far away to show its shape."""
    tone, half_m = weather.tone_at(vehicle.z_m), body.width_m / 2
    luma, u, v = yuv_of(*PAINTS_RGB[vehicle.paint])
    for low, high, inset_m, color in (
        (0.05, 0.62, 0.0, (0.86 * luma, u, v)),
        (0.62, 1.0, 0.16, _PART_YUV["glass"] if body.height_m < 2 else (0.9 * luma, u, v)),
    ):
        left, right = (camera.column_px(vehicle.x_m + side * (half_m - inset_m), vehicle.z_m) for side in (-1, 1))
        top, bottom = (camera.row_px(share * body.height_m, vehicle.z_m) for share in (high, low))
        planes.upright_box((left, top, right, bottom), tone.apply(color))
    _draw_lamps(planes, camera, weather, vehicle, body)


def _color(face: BodyFace, paint: Yuv, tone: Tone, *, lit: bool, braking: bool) -> Yuv:
    if (face.part == "tail" and (lit or braking)) or (face.part == "head" and lit):
        return NEUTRAL.apply(_LIT_YUV[face.part])
    luma, u, v = paint if face.part == "paint" else _PART_YUV[face.part]
    return tone.apply((min(luma * face.light, 255), u, v))


def _draw_lamps(planes: Planes, camera: Camera, weather: Weather, vehicle: Vehicle, body: Body) -> None:
    fading = min(max((280 - vehicle.z_m) / 80, 0.0), 1.0) * min(max(vehicle.z_m / 6 - 0.5, 0.0), 1.0)
    strength = weather.lamps * (0.85 if vehicle.oncoming else 0.55)
    if vehicle.braking and not vehicle.oncoming:
        strength = max(strength, 0.35) + 0.2
    rgb, radius_m = ((255, 246, 214), 0.62) if vehicle.oncoming else ((255, 40, 28), 0.42)
    for side in (-1, 1):
        draw_lamp(
            planes,
            camera,
            weather,
            x_m=vehicle.x_m + side * 0.39 * body.width_m,
            height_m=body.lamp_height_m,
            z_m=vehicle.z_m,
            rgb=rgb,
            radius_m=radius_m,
            strength=strength * fading,
        )
