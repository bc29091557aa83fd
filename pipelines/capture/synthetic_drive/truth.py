"""The exact answer: which signs and lights a frame shows, and where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.capture.synthetic_drive import painter
from pipelines.capture.synthetic_drive.bodies import body_of
from pipelines.capture.synthetic_drive.moment import Moment, SeenFace, faces_of
from pipelines.capture.synthetic_drive.roadside import Roadside
from pipelines.capture.synthetic_drive.vehicles import Vehicle
from streamvision.detections import Detections

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
    boxes, distances = [], []
    camera = moment.camera
    for vehicle in vehicles:
        body = body_of(vehicle.model)
        half = 0.47 * body.width_m
        near = max(vehicle.z_m, _NEAREST_M)
        (x0, y0), (x1, y1) = camera.project([vehicle.x_m - half, vehicle.x_m + half], [0.95 * body.height_m, 0.2], near)
        boxes.append((x0, y0, x1, y1))
        distances.append(vehicle.z_m)
    for plant in roadside.plants:
        if _NEAREST_M < (z_m := moment.ahead_m(plant.s_m)) < painter.PLANTS_FROM_M:
            x_m = moment.road_to_camera_m(plant.x_m, z_m)
            half = 0.36 * plant.height_m * plant.sprite.aspect
            (x0, y0), (x1, y1) = camera.project(
                [x_m - half, x_m + half], [0.9 * plant.height_m, 0.15 * plant.height_m], z_m
            )
            boxes.append((x0, y0, x1, y1))
            distances.append(z_m)
    for house in roadside.houses:
        z_m = moment.ahead_m(house.s_m)
        if _NEAREST_M < z_m < painter.HOUSES_FROM_M:
            near = moment.road_to_camera_m(house.near_x_m, z_m)
            ends = sorted((near, near + np.sign(house.near_x_m) * house.depth_m))
            (x0, y0), (x1, y1) = camera.project(ends, [house.height_m, 0.0], z_m)
            boxes.append((x0, y0, x1, y1))
            distances.append(z_m)
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
