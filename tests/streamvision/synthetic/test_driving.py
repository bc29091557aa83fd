"""The drive with a car of one's own: it moves as it is steered and is seen from where it is; rules are counted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from streamvision.synthetic.drive.class_planes import CLASS_IDS
from streamvision.synthetic.drive.ground import ROAD_HALF_WIDTH_M
from streamvision.synthetic.drive.roadside import lamp_at
from streamvision.synthetic.drive.view import CAMERA_HEIGHT_M, EGO_LANE_X_M
from streamvision.synthetic.driving import CarState, Command, DrivenScene, DrivenWorld, RuleDriver, WorldOptions
from streamvision.synthetic.driving.car import MOST_STEER_RAD, WHEELBASE_M
from streamvision.synthetic.driving.longitudinal import COMFORTABLE_BRAKING_M_S2, STANDING_GAP_M, follow
from streamvision.synthetic.driving.rules import RuleKeeper, StopLine


def test_on_a_straight_road_a_steered_car_drives_the_circle_of_its_wheelbase() -> None:
    state, steer_rad, steps = CarState(0.0, speed_m_s=8.0, steer_rad=0.06), 0.06, 2000
    for _ in range(steps):
        state = state.after(Command(steer_rad / MOST_STEER_RAD, 0.0), curvature_per_m=0.0, step_s=0.001)
    radius_m = WHEELBASE_M / math.tan(steer_rad)
    angle_rad = 16.0 / radius_m
    assert state.yaw_rad == pytest.approx(angle_rad, abs=1e-3)
    assert state.s_m == pytest.approx(radius_m * math.sin(angle_rad), rel=1e-3)
    assert state.offset_m == pytest.approx(radius_m * (1 - math.cos(angle_rad)), rel=1e-3)


def test_a_car_that_does_not_turn_with_the_road_leaves_it_to_the_outside() -> None:
    state = CarState(0.0, speed_m_s=10.0)
    for _ in range(20):
        state = state.after(Command(0.0, 0.0), curvature_per_m=0.005, step_s=0.1)
    assert state.yaw_rad == pytest.approx(-0.1, abs=0.01)  # the road has turned to the right
    assert state.offset_m == pytest.approx(-1.0, abs=0.1)


def test_wheel_and_pedals_have_limits() -> None:
    state = CarState(0.0, speed_m_s=1.0).after(Command(9.0, -99.0), curvature_per_m=0.0, step_s=0.1)
    assert state.steer_rad == pytest.approx(0.04)
    assert state.speed_m_s == pytest.approx(0.4)


def test_behind_a_car_at_the_same_speed_the_model_settles_at_its_time_gap() -> None:
    speed_m_s, gap_m = 12.0, 60.0
    for _ in range(4000):
        acceleration = follow(speed_m_s, wanted_m_s=20.0, gap_m=gap_m, lead_m_s=10.0, stop_m=None)
        speed_m_s = max(speed_m_s + 0.1 * acceleration, 0.0)
        gap_m += 0.1 * (10.0 - speed_m_s)
    wanted_m = (STANDING_GAP_M + 1.4 * 10.0) / math.sqrt(1 - (10 / 20) ** 4)  # the paper's equilibrium
    assert speed_m_s == pytest.approx(10.0, abs=0.01)
    assert gap_m == pytest.approx(wanted_m, rel=0.01)
    assert follow(25.0, wanted_m_s=10.0, gap_m=math.inf, lead_m_s=0.0, stop_m=None) == -COMFORTABLE_BRAKING_M_S2


@pytest.mark.parametrize("seed", [3, 11])
def test_the_rule_based_driver_comes_back_to_its_lane_and_keeps_the_rules(seed: int) -> None:
    world, driver = DrivenWorld(WorldOptions(seed=seed)), RuleDriver()
    world.reset(offset_m=0.7, yaw_rad=0.02)
    met, beside_m, over_m_s = [], [], []
    for _ in range(700):
        step = world.step(driver.command(world.situation()))
        assert step.ended is None
        met += step.rules
        beside_m.append(abs(world.car.offset_m))
        over_m_s.append(world.car.speed_m_s - world.rules.limit_m_s(world.car.s_m))
    assert met
    assert all(kept for _, kept in met)
    assert max(beside_m[80:]) < 0.2
    assert max(over_m_s) < 1.0


def test_a_car_that_holds_its_wheel_still_leaves_the_lane_and_one_that_does_not_brake_hits_the_car_ahead() -> None:
    world = DrivenWorld(WorldOptions(seed=3))
    ended = next(step.ended for _ in range(600) if (step := world.step(Command(0.0, 0.0))).ended)
    assert ended == "left the lane"
    world.reset()
    steering = RuleDriver()
    for _ in range(600):
        step = world.step(Command(steering.command(world.situation()).steering, 2.0))
        if step.ended:
            break
    assert step.ended == "collision"


def test_who_passes_a_stop_sign_without_standing_breaks_the_rule() -> None:
    rules = DrivenWorld(WorldOptions(seed=3)).rules
    line = next(line for line in rules.lines if line.kind == "stop_sign")
    driving, standing = RuleKeeper(rules), RuleKeeper(rules)
    assert driving.stop_m(line.s_m - 2, 5.0, 0.0) == pytest.approx(2.0)
    assert driving.drive(line.s_m - 2, line.s_m + 1, speed_m_s=5.0, time_s=0.0) == (("stop_sign", False),)
    assert standing.drive(line.s_m - 2, line.s_m - 2, speed_m_s=0.0, time_s=0.0) == ()
    assert standing.stop_m(line.s_m - 2, 0.0, 0.1) is None
    assert standing.drive(line.s_m - 2, line.s_m + 1, speed_m_s=5.0, time_s=0.2) == (("stop_sign", True),)


@pytest.mark.parametrize("lamp", ["green", "amber", "red", "red+amber"])
def test_lights_are_to_be_passed_at_green_and_amber(lamp: str) -> None:
    rules = DrivenWorld(WorldOptions(seed=3)).rules
    line: StopLine = next(line for line in rules.lines if line.kind == "traffic_light")
    time_s = next(t for t in np.arange(0, 30, 0.25) if lamp_at(line.pole_s_m, float(t)) == lamp)
    met = RuleKeeper(rules).drive(line.s_m - 1, line.s_m + 1, speed_m_s=5.0, time_s=float(time_s))
    assert met == (("traffic_light", lamp in ("green", "amber")),)
    must_stop = RuleKeeper(rules).stop_m(line.s_m - 30, 5.0, float(time_s)) is not None
    assert must_stop == (lamp != "green")


def test_the_edge_of_the_road_is_seen_where_the_car_s_place_says() -> None:
    world = DrivenWorld(WorldOptions(seed=3))
    scene, focal_px = DrivenScene(world, 320, 180), 0.9 * 320
    for offset_m, yaw_rad in ((0.0, 0.0), (1.0, 0.0), (-1.2, 0.0), (0.4, 0.08)):
        world.reset(begin_m=0.0, offset_m=offset_m, yaw_rad=yaw_rad)
        horizon_px = scene.camera_at(0).horizon_px
        row = int(horizon_px + focal_px * CAMERA_HEIGHT_M / 8.0)
        edge_px = np.flatnonzero(scene.class_map_at(0)[row] == CLASS_IDS["road"]).max() + 1
        z_m = focal_px * CAMERA_HEIGHT_M / (row + 0.5 - horizon_px)
        bend_m = float(world.course.middle_x_m(0.0, z_m)) + EGO_LANE_X_M
        edge_m = bend_m + ROAD_HALF_WIDTH_M - EGO_LANE_X_M - offset_m - yaw_rad * z_m
        assert edge_px == pytest.approx(160 + focal_px * edge_m / z_m, abs=1.5)
