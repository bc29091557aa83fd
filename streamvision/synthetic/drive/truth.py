"""The exact answer: which signs and lights a frame shows, and where."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections
from streamvision.synthetic.drive import painter
from streamvision.synthetic.drive.bodies import body_of
from streamvision.synthetic.drive.roadside import Roadside, SeenFace, faces_of
from streamvision.synthetic.drive.vehicles import Vehicle
from streamvision.synthetic.drive.view import Moment

MIN_HEIGHT_PX = 10.0
"""What is lower in the picture is no object yet."""
MIN_SHARE_IN_PICTURE = 0.4
"""Of what the picture's edge cuts off, at least this share must be left."""
MAX_SHARE_HIDDEN = 0.5
"""What is hidden more than this behind vehicles, plants and houses does not count."""
_NEAREST_M = 1.6
_SAMPLES = 5
F64 = NDArray[np.float64]


def objects_in_view(moment: Moment, roadside: Roadside, vehicles: Sequence[Vehicle]) -> Detections:
    """Return the objects of a moment, nearest first, with identities that count from 1."""
    seen = [
        face
        for pole in roadside.poles
        if _NEAREST_M < moment.ahead_m(pole.s_m) < painter.POLES_FROM_M
        for face in faces_of(moment, pole)
        if face.mounted.identity is not None
    ]
    if not seen:
        return _detections([], np.empty((0, 4)), roadside.objects)
    seen.sort(key=lambda face: face.z_m)
    corners = np.stack([face.corners_px for face in seen])
    full = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    picture = (moment.camera.width_px, moment.camera.height_px) * 2
    boxes = np.clip(full, 0, picture)
    share = _area(boxes) / np.maximum(_area(full), 1e-9)
    counts = (boxes[:, 3] - boxes[:, 1] >= MIN_HEIGHT_PX) & (share >= MIN_SHARE_IN_PICTURE)
    counts &= _hidden_share(boxes, seen, *_obstacles(moment, roadside, vehicles)) <= MAX_SHARE_HIDDEN
    return _detections([face for face, kept in zip(seen, counts, strict=True) if kept], boxes[counts], roadside.objects)


def _detections(seen: list[SeenFace], boxes: F64, objects: int) -> Detections:
    identity = [face.lap * objects + (face.mounted.identity or 0) + 1 for face in seen]
    return Detections(
        boxes.astype(np.float32),
        np.ones(len(seen), np.float32),
        np.array([face.face.class_id for face in seen], np.int32),
        np.ma.MaskedArray(np.array(identity, np.int64), mask=False),
    )


def _area(boxes: F64) -> F64:
    return np.clip(boxes[:, 2] - boxes[:, 0], 0, None) * np.clip(boxes[:, 3] - boxes[:, 1], 0, None)


def _obstacles(moment: Moment, roadside: Roadside, vehicles: Sequence[Vehicle]) -> tuple[F64, F64]:
    """Return boxes (N, 4) of what may hide signs, and their distances (N,)."""
    camera = moment.camera
    boxes: list[tuple[float, ...]] = []
    distances: list[float] = []

    def add(left_m: float, right_m: float, low_m: float, top_m: float, z_m: float) -> None:
        """Add an upright rectangle that faces the camera."""
        if z_m > _NEAREST_M:
            columns = camera.column_px(left_m, z_m), camera.column_px(right_m, z_m)
            boxes.append((min(columns), camera.row_px(top_m, z_m), max(columns), camera.row_px(low_m, z_m)))
            distances.append(z_m)

    for vehicle in vehicles:
        body = body_of(vehicle.model)
        half_m, far_m = 0.47 * body.width_m, vehicle.z_m + math.cos(vehicle.yaw_rad) * body.length_m
        far_x_m = vehicle.x_m + math.sin(vehicle.yaw_rad) * body.length_m
        begin = len(boxes)
        for x_m, z_m in ((vehicle.x_m, max(vehicle.z_m, 2 * _NEAREST_M)), (far_x_m, far_m)):
            add(x_m - half_m, x_m + half_m, 0.2, 0.95 * body.height_m, z_m)
        if len(boxes) == begin + 2:  # its side hides what its two ends leave free
            near, far = boxes[begin:]
            boxes.append((min(near[0], far[0]), far[1], max(near[2], far[2]), far[3]))
            distances.append(far_m)
    for plant in roadside.plants:
        if _NEAREST_M < (z_m := moment.ahead_m(plant.s_m)) < painter.PLANTS_FROM_M:
            x_m, half_m = moment.road_to_camera_m(plant.x_m, z_m), 0.36 * plant.height_m * plant.sprite.aspect
            add(x_m - half_m, x_m + half_m, 0.15 * plant.height_m, 0.9 * plant.height_m, z_m)
    for house in roadside.houses:
        if -house.length_m < (z_m := moment.ahead_m(house.s_m)) < painter.HOUSES_FROM_M:
            near_x_m, far_m = moment.road_to_camera_m(house.near_x_m, z_m), z_m + house.length_m
            add(near_x_m, near_x_m + math.copysign(house.depth_m, house.near_x_m), 0.0, house.height_m, z_m)
            end_x_m = near_x_m + math.sin(moment.turn_rad(z_m + house.length_m / 2)) * house.length_m
            outside_m = end_x_m + math.copysign(house.depth_m, house.near_x_m)
            add(end_x_m, outside_m, 0.0, house.height_m, far_m)
    return np.array(boxes, np.float64).reshape(-1, 4), np.array(distances, np.float64)


def _hidden_share(boxes: F64, seen: list[SeenFace], obstacles: F64, distances_m: F64) -> F64:
    """Return which share of each box lies behind nearer obstacles, by sampling."""
    steps = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    x = boxes[:, 0:1] + steps * (boxes[:, 2:3] - boxes[:, 0:1])
    y = boxes[:, 1:2] + steps * (boxes[:, 3:4] - boxes[:, 1:2])
    nearer = distances_m[None, :] < np.array([face.z_m for face in seen])[:, None]
    in_x = (x[:, :, None] > obstacles[:, 0]) & (x[:, :, None] < obstacles[:, 2]) & nearer[:, None, :]
    in_y = (y[:, :, None] > obstacles[:, 1]) & (y[:, :, None] < obstacles[:, 3])
    covered = (in_x[:, :, None, :] & in_y[:, None, :, :]).any(axis=-1)
    share: F64 = covered.mean(axis=(1, 2))
    return share
