"""Cuboids: what a crop shows and the box place again what they were made from; distances are those of geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest

from streamvision.core.cuboid import BoxedCuboid, Cuboid, Pinhole

CAMERA = Pinhole(900.0, 640.0, 330.0)


def random_cuboids(count: int) -> list[Cuboid]:
    random = np.random.default_rng(4)
    return [
        Cuboid(
            (random.uniform(-10, 10), random.uniform(-1, 1), random.uniform(8, 80)),
            (random.uniform(3, 9), random.uniform(1.5, 2.5), random.uniform(1.4, 3.6)),
            random.uniform(-math.pi, math.pi),
        )
        for _ in range(count)
    ]


def test_a_box_and_what_its_crop_shows_place_the_cuboid_again_whatever_the_box_holds() -> None:
    random = np.random.default_rng(5)
    for cuboid in random_cuboids(50):
        (left, top), (right, bottom) = (edge(CAMERA.project(cuboid.corners_m), axis=0) for edge in (np.min, np.max))
        for jitter in (0.0, 6.0):
            box = tuple((np.array([left, top, right, bottom]) + random.uniform(-jitter, jitter, 4)).tolist())
            again = BoxedCuboid.of(cuboid, box, CAMERA).place(box, CAMERA)  # type: ignore[arg-type]
            assert again.center_m == pytest.approx(cuboid.center_m)
            assert again.size_lwh_m == cuboid.size_lwh_m
            assert math.remainder(again.yaw_rad - cuboid.yaw_rad, 2 * math.pi) == pytest.approx(0, abs=1e-9)


def test_what_a_crop_shows_is_the_same_on_smaller_pictures_and_nearer_boxes_are_nearer() -> None:
    cuboid, box = Cuboid((2.0, 0.6, 20.0), (4.6, 1.8, 1.47), 0.3), (700.0, 300.0, 800.0, 370.0)
    whole = BoxedCuboid.of(cuboid, box, CAMERA)
    half = BoxedCuboid.of(cuboid, tuple(side / 2 for side in box), CAMERA.scaled(0.5))  # type: ignore[arg-type]
    assert half.depth_factor == pytest.approx(whole.depth_factor)
    assert half.offset == pytest.approx(whole.offset)
    assert half.alpha_rad == pytest.approx(whole.alpha_rad)
    larger = (650.0, 265.0, 850.0, 405.0)  # twice the height
    assert whole.place(larger, CAMERA).center_m[2] == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("center_m", "yaw_rad", "distance_m"),
    [
        ((0.0, 0.0, 20.0), 0.0, 18.0),
        ((0.0, 0.0, 20.0), math.pi / 2, 19.0),
        ((5.0, 0.0, 0.0), 0.0, 4.0),
        ((5.0, 0.0, 6.0), 0.0, math.hypot(4.0, 4.0)),
        ((0.5, 0.0, 1.0), 0.0, 0.0),
    ],
)
def test_the_distance_is_that_of_the_nearest_point(
    center_m: tuple[float, float, float], yaw_rad: float, distance_m: float
) -> None:
    assert Cuboid(center_m, (4.0, 2.0, 1.5), yaw_rad).distance_m == pytest.approx(distance_m)


def test_corners_are_in_order_and_yaw_grows_to_the_right() -> None:
    corners = Cuboid((0.0, 0.0, 20.0), (4.0, 2.0, 1.5), 0.0).corners_m
    assert corners[:4].tolist() == [[-1, 0.75, 22], [1, 0.75, 22], [1, 0.75, 18], [-1, 0.75, 18]]
    assert (corners[4:] - corners[:4]).tolist() == [[0, -1.5, 0]] * 4
    turned = Cuboid((0.0, 0.0, 20.0), (4.0, 2.0, 1.5), math.pi / 2).corners_m
    assert turned[:2, 0] == pytest.approx([2, 2])  # its front is at the right


def test_the_road_makes_near_distances_exact_and_far_ones_are_the_network_s() -> None:
    on_road = Pinhole(900.0, 640.0, 330.0, height_m=1.4, pitch_spread_rad=0.0035)
    errors: dict[str, list[float]] = {}
    for z_m in (8.0, 15.0, 80.0):
        cuboid = Cuboid((1.0, 1.4 - 0.75, z_m), (4.6, 1.8, 1.5), math.pi)
        corners = CAMERA.project(cuboid.corners_m)
        box = (*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())
        true = BoxedCuboid.of(cuboid, box, CAMERA)
        wrong = BoxedCuboid(true.size_lwh_m, true.alpha_rad, true.depth_factor * 1.1, true.offset, 0.08)
        alone, joined = (abs(wrong.place(box, one).center_m[2] - z_m) / z_m for one in (CAMERA, on_road))
        assert alone == pytest.approx(0.1)
        assert joined < (0.02 if z_m < 20 else 0.1)
        assert wrong.place(box, on_road).score >= wrong.place(box, CAMERA).score
        cut_off = wrong.place(box, on_road, ends_at_road=False)
        assert cut_off.center_m == wrong.place(box, CAMERA).center_m
        errors.setdefault("shares", []).append(joined / alone)
    assert errors["shares"] == sorted(errors["shares"]), "the farther, the less the road counts"


def test_a_box_whose_lower_edge_is_hidden_contradicts_the_road_and_is_placed_by_the_network() -> None:
    on_road = Pinhole(900.0, 640.0, 330.0, height_m=1.4, pitch_spread_rad=0.0035)
    cuboid = Cuboid((1.0, 0.65, 12.0), (4.6, 1.8, 1.5), math.pi)
    left, top, right, bottom = (700.0, 320.0, 820.0, 380.0)  # the road would be met at 25 m there
    seen = BoxedCuboid.of(cuboid, (left, top, right, bottom), CAMERA)
    shown = BoxedCuboid(seen.size_lwh_m, seen.alpha_rad, seen.depth_factor, seen.offset, 0.05)
    assert shown.place((left, top, right, bottom), on_road).center_m[2] == pytest.approx(12.0)


def test_a_row_above_the_horizon_meets_no_road() -> None:
    on_road = Pinhole(900.0, 640.0, 330.0, height_m=1.4)
    assert on_road.road_m(330.0 + 90.0) == pytest.approx(14.0)
    assert on_road.road_m(300.0) == math.inf
    with pytest.raises(ValueError, match="height"):
        CAMERA.road_m(400.0)
