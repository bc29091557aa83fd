"""The exact answer: which vehicles a frame shows, where each stands in space, and how much of it can be seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from streamvision.synthetic.drive.bodies import VehicleModel, body_of
from streamvision.synthetic.drive.vehicles import Vehicle, painted_extent_px
from streamvision.synthetic.drive.view import CAMERA_HEIGHT_M, Camera

VehicleKind = Literal["car", "van", "truck"]
VEHICLE_KINDS: tuple[VehicleKind, ...] = ("car", "van", "truck")
_KIND_BY_MODEL: dict[VehicleModel, VehicleKind] = {
    "hatchback": "car",
    "wagon": "car",
    "van": "van",
    "truck": "truck",
}


@dataclass(frozen=True)
class VehicleInView:
    """One vehicle of a frame; metres are in the camera's frame: x to the right, y down, z ahead."""

    identity: int
    """Counts from 1; a vehicle that has been passed comes back as another."""
    kind: VehicleKind
    """What it is."""
    box_xyxy_px: tuple[float, float, float, float]
    """Around what is painted of it, clipped to the picture; what hides it is left out of account."""
    center_m: tuple[float, float, float]
    """Middle of its cuboid."""
    size_lwh_m: tuple[float, float, float]
    """Length, width and height of its cuboid, without mirrors."""
    yaw_rad: float
    """Where its front points, about the vertical: 0 ahead, positive to the right, -pi..pi."""
    distance_m: float
    """From the camera to the nearest point of its sides, along the ground; 0 where it reaches around the camera."""
    hidden_share: float
    """Of its pixels within the picture, the share behind other things and the car's own bonnet, 0..1."""
    truncated_share: float
    """Of the box around all of it, the share beyond the picture, 0..1."""
    is_oncoming: bool
    """Whether its front faces the camera."""


def place_in_view(camera: Camera, vehicle: Vehicle, *, hidden_share: float) -> VehicleInView | None:
    """Return what is known of a vehicle; ``None`` where nothing of it lies within the picture."""
    full = painted_extent_px(camera, vehicle)
    if full is None:
        return None
    left, top, right, bottom = np.clip(full, 0, (camera.width_px, camera.height_px) * 2).tolist()
    if right <= left or bottom <= top:
        return None
    body, (x_m, z_m) = body_of(vehicle.model), vehicle.middle_xz_m
    size_lwh_m = (body.length_m, body.width_m, body.height_m)
    whole = (full[2] - full[0]) * (full[3] - full[1])
    return VehicleInView(
        identity=vehicle.identity,
        kind=_KIND_BY_MODEL[vehicle.model],
        box_xyxy_px=(left, top, right, bottom),
        center_m=(x_m, CAMERA_HEIGHT_M - body.height_m / 2, z_m),
        size_lwh_m=size_lwh_m,
        yaw_rad=vehicle.heading_rad,
        distance_m=_distance_m(x_m, z_m, size_lwh_m, vehicle.heading_rad),
        hidden_share=hidden_share,
        truncated_share=min(max(1 - (right - left) * (bottom - top) / whole, 0.0), 1.0),
        is_oncoming=vehicle.oncoming,
    )


def _distance_m(x_m: float, z_m: float, size_lwh_m: tuple[float, float, float], yaw_rad: float) -> float:
    """Return how far the origin is from a rectangle on the ground."""
    sine, cosine = math.sin(yaw_rad), math.cos(yaw_rad)
    along_m, across_m = abs(x_m * sine + z_m * cosine), abs(x_m * cosine - z_m * sine)
    return math.hypot(max(along_m - size_lwh_m[0] / 2, 0.0), max(across_m - size_lwh_m[1] / 2, 0.0))
