"""Paints what stands beside the road: plants, houses, poles, lamp posts, and the paint across the road."""

from __future__ import annotations

import math

import numpy as np

from streamvision.synthetic.drive.effects import draw_lamp, draw_shadow
from streamvision.synthetic.drive.planes import Painting, Yuv, fixed_points, yuv_of
from streamvision.synthetic.drive.roadside import House, Marking, Plant, Pole, SeenFace, faces_of
from streamvision.synthetic.drive.signs import lit_lamps
from streamvision.synthetic.drive.view import LANE_M, NEAR_M, Camera, Moment

PLANTS_FROM_M, HOUSES_FROM_M, POLES_FROM_M, LAMP_POSTS_FROM_M = 150.0, 200.0, 230.0, 150.0
"""Things come into view at these distances, faintly at first."""
_MARKINGS_FROM_M = 110.0
_HOUSE_NEAREST_M = 3.0
_FADE_M = 35.0
_STEEL, _CONCRETE, _PAINT = yuv_of(134, 138, 142), yuv_of(150, 150, 148), yuv_of(226, 226, 220)
_LAMP_RGB = (255, 214, 150)
_GLOW = (("red", 0.18, (255, 60, 48)), ("amber", 0.5, (255, 186, 60)), ("green", 0.82, (70, 240, 170)))
"""Of a traffic light's lamps: name, share of the housing above its middle, colour of its light."""


def draw_marking(planes: Painting, moment: Moment, marking: Marking) -> None:
    """Paint a zebra crossing or a stop line."""
    begin_m = moment.ahead_m(marking.s_m)
    length_m = 3.4 if marking.kind == "zebra" else 0.5
    near_m, far_m = max(begin_m, 2 * NEAR_M), begin_m + length_m
    if far_m <= near_m or begin_m > _MARKINGS_FROM_M:
        return
    planes.paints("road")
    color = moment.weather.tone_at(near_m, gain=1 - 0.3 * moment.weather.wet).apply(_PAINT)
    pitch_m, width_m = (1.0, 0.5) if marking.kind == "zebra" else (2 * LANE_M, 2 * LANE_M - 0.5)
    left_m = np.arange(-2 * LANE_M + 0.2 if marking.kind == "zebra" else 0.3, 2 * LANE_M - 0.3, pitch_m)
    near_x, far_x = moment.road_to_camera_m(0, near_m), moment.road_to_camera_m(0, far_m)
    x_m = np.stack([left_m + near_x, left_m + far_x, left_m + width_m + far_x, left_m + width_m + near_x], axis=1)
    z_m = np.tile([near_m, far_m, far_m, near_m], len(left_m))
    luma_points, chroma_points = fixed_points(moment.camera.project(x_m.ravel(), 0.0, z_m))
    for first in range(0, 4 * len(left_m), 4):
        planes.fixed_polygon(luma_points[first : first + 4], chroma_points[first : first + 4], color)


def draw_plant(planes: Painting, moment: Moment, plant: Plant, z_m: float) -> None:
    """Paint a tree or bush and its shadow."""
    x_m = moment.road_to_camera_m(plant.x_m, z_m)
    scale = moment.camera.scale_px_per_m(z_m)
    x, bottom = moment.camera.column_px(x_m, z_m), moment.camera.row_px(0.0, z_m)
    height = plant.height_m * scale
    half = height * plant.sprite.aspect / 2
    if x + half < 0 or x - half > planes.width_px:
        return
    if z_m < 70:
        half_m = (plant.height_m * plant.sprite.aspect * 0.42, 1.6)
        draw_shadow(planes, moment, x_m, z_m, half_m=half_m, darkness=0.7 * moment.weather.shadow)
    planes.paints("vegetation")
    box = (x - half, bottom - height, x + half, bottom + 0.02 * height)
    tone, opacity = moment.weather.tone_at(z_m), min((PLANTS_FROM_M - z_m) / _FADE_M, 1.0)
    planes.sprite(plant.sprite, box, tone=tone, opacity=opacity, mirrored=plant.mirrored)


def draw_house(planes: Painting, moment: Moment, house: House, z_m: float) -> None:
    """Paint the two fronts of a house that can be seen, and its lit windows."""
    weather, camera = moment.weather, moment.camera
    begin_m, end_m = max(z_m, _HOUSE_NEAREST_M), z_m + house.length_m
    if end_m <= begin_m + 0.5:
        return
    planes.paints("building")
    opacity = min((HOUSES_FROM_M - z_m) / _FADE_M, 1.0)
    lamps = weather.lamps * opacity * 0.9
    side = math.copysign(1, house.near_x_m)
    side_gain, front_gain = (0.94, 0.80) if side > 0 else (0.80, 0.94)
    near_x = moment.road_to_camera_m(house.near_x_m, z_m)
    if z_m > _HOUSE_NEAREST_M:  # the front that faces the traffic
        scale = camera.scale_px_per_m(z_m)
        left, right = sorted(camera.column_px(x_m, z_m) for x_m in (near_x, near_x + side * house.depth_m))
        if right > 0 and left < planes.width_px:
            tone = weather.tone_at(z_m, gain=front_gain).in_haze(weather.haze, 1 - opacity)
            wide, tall = house.length_m * scale, house.height_m * scale
            luma, chroma = house.facade.texture(wide, tall, tone=tone, lamps=lamps)
            columns = max(int(luma.shape[1] * min(house.depth_m / house.length_m, 1.0)), 1)
            bottom = camera.row_px(0.0, z_m)
            planes.opaque_box(luma[:, :columns], chroma[:, :columns], (left, bottom - tall, right, bottom))
    slant = math.sin(moment.turn_rad(z_m + house.length_m / 2))
    begin_x, end_x = near_x + slant * (begin_m - z_m), near_x + slant * house.length_m
    top = [house.height_m, house.height_m, 0.0, 0.0]
    corners = camera.project([begin_x, end_x, end_x, begin_x], top, [begin_m, end_m, end_m, begin_m])
    if corners[:, 0].max() > 0 and corners[:, 0].min() < planes.width_px:
        tone = weather.tone_at(max(z_m, 1.0), gain=side_gain).in_haze(weather.haze, 1 - opacity)
        cut = (begin_m - z_m) / house.length_m
        wide, tall = abs(corners[0, 0] - corners[1, 0]) / (1 - cut), corners[3, 1] - corners[0, 1]
        planes.opaque_quad(*house.facade.texture(wide, tall, tone=tone, lamps=lamps), corners, cut=cut)


def draw_lamp_post(planes: Painting, moment: Moment, road_x_m: float, z_m: float) -> None:
    """Paint a street lamp that reaches over the road."""
    x_m = moment.road_to_camera_m(road_x_m, z_m)
    planes.paints("pole")
    reach_m = -math.copysign(1, road_x_m) * 2.0
    color = moment.weather.tone_at(z_m).apply(_CONCRETE)
    _post(planes, moment.camera, x_m, z_m, color, low_m=0.0, top_m=7.6, half_m=0.075)
    head = moment.camera.project([x_m, x_m + reach_m * 0.4, x_m + reach_m], [7.4, 7.9, 8.0], [z_m] * 3)
    planes.line(head, color, thickness_px=max(round(0.09 * moment.camera.scale_px_per_m(z_m)), 1))
    case_x_m = [x_m + reach_m * share for share in (0.85, 1.35, 1.35, 0.85)]
    planes.polygon(moment.camera.project(case_x_m, [8.05, 8.02, 7.9, 7.9], z_m), color)
    strength = moment.weather.lamps * 0.9 * min((LAMP_POSTS_FROM_M - z_m) / _FADE_M, 1)
    draw_lamp(planes, moment, (x_m + reach_m * 1.1, 7.9, z_m), _LAMP_RGB, radius_m=0.9, strength=strength)


def draw_delineator(planes: Painting, moment: Moment, road_x_m: float, z_m: float) -> None:
    """Paint a white guide post with its reflector."""
    x_m = moment.road_to_camera_m(road_x_m, z_m)
    planes.paints("pole")
    tone, camera = moment.weather.tone_at(z_m), moment.camera
    _post(planes, camera, x_m, z_m, tone.apply(yuv_of(222, 224, 222)), low_m=0.0, top_m=1.0, half_m=0.055)
    _post(planes, camera, x_m, z_m, tone.apply(yuv_of(34, 34, 36)), low_m=0.66, top_m=0.86, half_m=0.056)


def draw_pole(
    planes: Painting, moment: Moment, pole: Pole, z_m: float, *, without: frozenset[int] = frozenset()
) -> None:
    """Paint a pole, its arm and all that hangs on it, but for the identities in ``without``."""
    x_m = moment.road_to_camera_m(pole.x_m, z_m)
    planes.paints("pole")
    color = moment.weather.tone_at(z_m).apply(_STEEL)
    thick_m = 0.045 if pole.arm_m == 0 else 0.08
    _post(planes, moment.camera, x_m, z_m + 0.06, color, low_m=0.0, top_m=pole.height_m, half_m=thick_m)
    if pole.arm_m:
        ends = moment.camera.project([x_m, x_m - pole.arm_m, x_m - pole.arm_m, x_m], [6.2, 6.3, 6.2, 6.06], z_m + 0.06)
        planes.polygon(ends, color)
    for mounted in pole.mounted:
        if abs(mounted.x_m) > 0.3 and mounted.low_m < 4:  # a bracket for what hangs beside the pole
            end_x_m, height_m = x_m + mounted.x_m, mounted.low_m + 0.4
            heights_m = [height_m + 0.03] * 2 + [height_m - 0.03] * 2
            planes.polygon(moment.camera.project([x_m, end_x_m, end_x_m, x_m], heights_m, z_m + 0.05), color)
    for seen in faces_of(moment, pole):
        if seen.mounted.identity is None or seen.mounted.identity not in without:
            _draw_face(planes, moment, seen, x_m)


def _draw_face(planes: Painting, moment: Moment, seen: SeenFace, pole_x_m: float) -> None:
    planes.paints("sign")
    weather = moment.weather
    opacity = min((POLES_FROM_M - seen.z_m) / _FADE_M, 1.0)
    light = seen.mounted.face is None
    returned = 0.0 if light else 0.62 * weather.lamps * math.exp(-seen.z_m / 70)  # signs throw headlights back
    gain = 1 + returned / max(weather.gain, 0.1) * (1 - weather.gain)
    planes.quad(seen.face.sprite, seen.corners_px, tone=weather.tone_at(seen.z_m * 0.8, gain=gain), opacity=opacity)
    lamp = seen.face.lamp
    if lamp is None or weather.lamps < 0.05:
        return
    planes.quad(lit_lamps(lamp), seen.corners_px, opacity=opacity)
    for name, share, rgb in _GLOW:
        if name in lamp.split("+"):
            height_m = seen.mounted.low_m + (1 - share) * seen.face.height_m
            place_m = (pole_x_m + seen.mounted.x_m, height_m, seen.z_m)
            draw_lamp(planes, moment, place_m, rgb, radius_m=0.34, strength=0.5 * weather.lamps * opacity)


def _post(
    planes: Painting,
    camera: Camera,
    x_m: float,
    z_m: float,
    color: Yuv,
    *,
    low_m: float,
    top_m: float,
    half_m: float,
) -> None:
    """Paint an upright post, however thin it looks."""
    x, half = camera.column_px(x_m, z_m), max(half_m * camera.scale_px_per_m(z_m), 0.35)
    planes.upright_box((x - half, camera.row_px(top_m, z_m), x + half, camera.row_px(low_m, z_m)), color)
