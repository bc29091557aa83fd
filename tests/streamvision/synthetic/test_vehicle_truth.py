"""Vehicles of the drive: their boxes, cuboids and hidden shares agree with the pixels that are painted."""

from __future__ import annotations

from functools import lru_cache
from typing import get_args

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from streamvision.synthetic.drive import DriveScene
from streamvision.synthetic.drive.bodies import VehicleModel, body_of
from streamvision.synthetic.drive.class_planes import PIXEL_CLASSES
from streamvision.synthetic.drive.vehicle_truth import VEHICLE_KINDS, VehicleInView
from streamvision.synthetic.drive.vehicles import Vehicle, painted_extent_px
from streamvision.synthetic.drive.view import Camera

SIZE = (640, 360)
FRAMES = range(20, 700, 83)
_FILLED = 0.85
"""Share of its box that a vehicle fills."""
VEHICLE = PIXEL_CLASSES.index("vehicle")


@lru_cache(maxsize=1)
def drive() -> DriveScene:
    return DriveScene(*SIZE, 30.0, 3)


def changed_by(index: int, identity: int) -> NDArray[np.bool_]:
    """Return which pixels of a frame show a vehicle: they are a vehicle's, and change when that one is left out."""
    scene = drive()
    shown, without = scene.picture_at(index), scene.picture_at(index, without_vehicles=[identity])
    luma = np.abs(shown.y.astype(int) - without.y) > 6
    chroma = np.maximum(np.abs(shown.u.astype(int) - without.u), np.abs(shown.v.astype(int) - without.v)) > 6
    changed: NDArray[np.bool_] = luma | np.kron(chroma, np.ones((2, 2), bool))[: SIZE[1], : SIZE[0]]
    return changed & (scene.class_map_at(index) == VEHICLE)


@lru_cache(maxsize=1)
def checked() -> list[tuple[int, VehicleInView, NDArray[np.bool_]]]:
    """Return vehicles that are large enough and not hidden, with their pixels."""
    found = []
    for index in FRAMES:
        for vehicle in drive().vehicles_at(index):
            height_px = vehicle.box_xyxy_px[3] - vehicle.box_xyxy_px[1]
            if height_px > 14 and vehicle.hidden_share < 0.05:
                found.append((index, vehicle, changed_by(index, vehicle.identity)))
    assert len(found) >= 12
    return found


def cuboid_corners_px(index: int, vehicle: VehicleInView) -> NDArray[np.float64]:
    """Project the eight corners of a cuboid by the pinhole's textbook formula."""
    camera = drive().camera_at(index)
    length, width, height = vehicle.size_lwh_m
    corners = np.array(
        [
            (x, y, z)
            for x in (-width / 2, width / 2)
            for y in (-height / 2, height / 2)
            for z in (-length / 2, length / 2)
        ]
    )
    sine, cosine = np.sin(vehicle.yaw_rad), np.cos(vehicle.yaw_rad)
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    x, y, z = (corners @ turn.T + vehicle.center_m).T
    return np.stack([camera.focal_px * x / z + SIZE[0] / 2, camera.focal_px * y / z + camera.horizon_px], axis=1)


@pytest.mark.parametrize("model", get_args(VehicleModel))
@pytest.mark.parametrize("is_oncoming", [False, True])
def test_the_height_of_a_box_says_the_distance_however_little_detail_is_drawn(
    model: VehicleModel, is_oncoming: bool
) -> None:
    camera, height_m = Camera(1920, 1080, 1600.0, 500.0), body_of(model).height_m
    shares, lowest_m = [], []
    for z_m in np.arange(20.0, 400.0, 0.5):
        box = painted_extent_px(camera, Vehicle(model, 0, 2.0, z_m, 0.0, is_oncoming, braking=False))
        assert box is not None
        scale = camera.scale_px_per_m(z_m)
        shares.append((box[3] - box[1]) / scale / height_m)
        lowest_m.append((camera.row_px(0.0, z_m) - box[3]) / scale)
    assert min(shares) > 0.93
    assert max(shares) < 1.01
    assert np.abs(np.diff(shares)).max() < 0.02  # no jump where details begin
    assert np.abs(lowest_m).max() < 0.05  # it stands on the road


def test_a_box_is_around_the_pixels_that_show_its_vehicle() -> None:
    for index, vehicle, pixels in checked():
        rows, columns = np.nonzero(pixels)
        drawn = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        assert drawn == pytest.approx(vehicle.box_xyxy_px, abs=2.5), f"vehicle {vehicle.identity} of frame {index}"


def test_the_cuboid_holds_the_pixels_of_its_vehicle_and_little_else() -> None:
    filled = []
    for index, vehicle, pixels in checked():
        if vehicle.truncated_share > 0 or vehicle.distance_m < 3:
            continue
        hull = cv2.convexHull(cuboid_corners_px(index, vehicle).astype(np.float32))
        inside = np.zeros(SIZE[::-1], np.uint8)
        cv2.fillConvexPoly(inside, np.round(hull - 0.5).astype(np.int32), 1)
        near = cv2.dilate(inside, np.ones((5, 5), np.uint8))
        assert not (pixels & (near == 0)).any(), f"vehicle {vehicle.identity} of frame {index} leaves its cuboid"
        filled.append(pixels.sum() / inside.sum())
    assert len(filled) > 6
    assert min(filled) > 0.6  # roofs are narrower than the cuboid, and wheels round
    assert np.mean(filled) > 0.75


def test_the_hidden_share_is_that_of_pixels() -> None:
    errors = []
    for index in range(0, drive().lap_frames, 13):
        for vehicle in drive().vehicles_at(index):
            x0, y0, x1, y1 = vehicle.box_xyxy_px
            if 0.15 < vehicle.hidden_share < 0.85 and y1 - y0 > 12 and len(errors) < 12:
                filled = changed_by(index, vehicle.identity).sum() / ((x1 - x0) * (y1 - y0))
                errors.append(filled / _FILLED - (1 - vehicle.hidden_share))
    assert len(errors) > 5
    assert np.abs(errors).max() < 0.3
    assert np.abs(np.mean(errors)) < 0.12


def test_what_is_wholly_hidden_is_not_seen() -> None:
    hidden = 0
    for index in FRAMES:
        for vehicle in drive().vehicles_at(index):
            x0, y0, x1, y1 = vehicle.box_xyxy_px
            if vehicle.hidden_share == 1:
                hidden += 1
                assert changed_by(index, vehicle.identity).sum() <= 0.15 * (x1 - x0) * (y1 - y0)  # edges are soft
    assert hidden > 3


def test_a_vehicle_keeps_its_identity_its_kind_and_its_size_while_it_is_in_view() -> None:
    seen: dict[int, set[tuple[object, ...]]] = {}
    last: dict[int, int] = {}
    for index in range(0, drive().lap_frames, 23):
        for vehicle in drive().vehicles_at(index):
            assert vehicle.kind in VEHICLE_KINDS
            seen.setdefault(vehicle.identity, set()).add((vehicle.kind, vehicle.size_lwh_m, vehicle.is_oncoming))
            last[vehicle.identity] = index
    assert len(seen) > 20
    assert all(len(facts) == 1 for facts in seen.values())
    assert min(seen) == 1
    assert last[1] > drive().lap_frames - 24  # the car ahead is always there


def test_vehicles_are_told_by_where_they_are() -> None:
    vehicles = [vehicle for index in FRAMES for vehicle in drive().vehicles_at(index)]
    for vehicle in vehicles:
        x_m, y_m, z_m = vehicle.center_m
        assert y_m + vehicle.size_lwh_m[2] / 2 == pytest.approx(1.4)  # all stand on the road, the camera above it
        assert np.hypot(x_m, z_m) - 5.2 <= vehicle.distance_m <= np.hypot(x_m, z_m)
        assert (abs(vehicle.yaw_rad) > np.pi / 2) == vehicle.is_oncoming
    assert {vehicle.is_oncoming for vehicle in vehicles} == {True, False}
    for index in FRAMES:
        distances_m = [vehicle.distance_m for vehicle in drive().vehicles_at(index)]
        assert distances_m == sorted(distances_m)
