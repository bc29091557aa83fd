"""The drive on earth: what is drawn lies where the world says, and distances on earth are the world's."""

from __future__ import annotations

import numpy as np
import pytest

from streamvision.datasets.trip.receiver import wander_m
from streamvision.datasets.trip.spec import GpsNoise, TripSpec
from streamvision.datasets.trip.world import DriveWorld, metres_per_degree
from streamvision.synthetic.drive import DriveScene
from streamvision.synthetic.drive.view import LAP_M

SIZE = (640, 360)


@pytest.fixture(scope="module", params=[0, 3])
def scene(request: pytest.FixtureRequest) -> DriveScene:
    return DriveScene(*SIZE, 10.0, request.param, start_s=2.0)


def test_boxes_lie_where_the_camera_model_puts_the_objects(scene: DriveScene) -> None:
    world = DriveWorld(scene, 2 * LAP_M, (50.0, 10.0), 60.0)
    objects = {one.id: one for one in world.objects()}
    frames = range(0, 2 * scene.lap_frames, 7)
    way = world.camera_way(np.array([2.0 + frame / 10.0 for frame in frames]))
    off_deg, shares = [], []
    for place, frame in enumerate(frames):
        found = scene.objects_at(frame)
        for identity, box in zip(found.track_id.tolist(), found.box_xyxy_px.tolist(), strict=True):
            if box[0] <= 0 or box[2] >= SIZE[0] or box[1] <= 0:
                continue
            one = objects[identity]
            to_north_m, to_east_m = metres_per_degree(way.latitude_deg[place])
            north_m = (one.latitude_deg - way.latitude_deg[place]) * to_north_m
            east_m = (one.longitude_deg - way.longitude_deg[place]) * to_east_m
            course = np.radians(way.course_deg[place])
            ahead_m = north_m * np.cos(course) + east_m * np.sin(course)
            right_m = east_m * np.cos(course) - north_m * np.sin(course)
            drawn = np.arctan2((box[0] + box[2]) / 2 - SIZE[0] / 2, 0.9 * SIZE[0])
            off_deg.append(np.degrees(drawn - np.arctan2(right_m, ahead_m)))
            rows = 0.46 * SIZE[1] + 0.9 * SIZE[0] * (1.4 - one.height_m) / ahead_m
            shares.append((rows - (box[1] + box[3]) / 2) / SIZE[1])
    assert len(off_deg) > 300
    assert np.abs(off_deg).mean() < 0.5 and np.abs(off_deg).max() < 2.0
    assert np.abs(shares).max() < 0.03, "heights, but for the pitching of the car"


def test_the_camera_moves_as_fast_as_is_said_and_where_it_looks(scene: DriveScene) -> None:
    world = DriveWorld(scene, LAP_M, (-33.9, -70.6), 200.0)
    way = world.camera_way(np.arange(2.0, 60.0, 0.1))
    to_north_m, to_east_m = metres_per_degree((way.latitude_deg[1:] + way.latitude_deg[:-1]) / 2)
    north_m, east_m = np.diff(way.latitude_deg) * to_north_m, np.diff(way.longitude_deg) * to_east_m
    assert np.hypot(north_m, east_m) / 0.1 == pytest.approx((way.speed_m_s[1:] + way.speed_m_s[:-1]) / 2, abs=0.1)
    turned = np.degrees(np.arctan2(east_m, north_m)) - (way.course_deg[1:] + way.course_deg[:-1]) / 2
    assert np.abs((turned + 180) % 360 - 180).max() < 0.5


def test_laps_go_on_and_their_objects_are_other_ones(scene: DriveScene) -> None:
    world = DriveWorld(scene, 2 * LAP_M, (50.0, 10.0), 60.0)
    objects = world.objects()
    each = scene.roadside.objects
    assert [one.id for one in objects] != [] and len({one.id for one in objects}) == len(objects)
    by_id = {one.id: one for one in objects}
    north_m = (by_id[each + 1].latitude_deg - by_id[1].latitude_deg) * 111_230
    east_m = (by_id[each + 1].longitude_deg - by_id[1].longitude_deg) * 111_320 * np.cos(np.radians(50.0))
    assert 1000 < np.hypot(north_m, east_m) < LAP_M
    assert {one.text for one in objects if one.class_name == "stop"} == {"STOP"}
    assert all(one.text and one.text.isdigit() for one in objects if one.class_name == "speedlimit")


def test_noise_is_as_large_and_as_slow_as_is_said() -> None:
    noise = GpsNoise()
    assert noise.total_m == pytest.approx(3.0)
    drawn = wander_m(np.random.default_rng(5), noise, np.arange(60_000.0))
    assert np.std(drawn) == pytest.approx(3.0, rel=0.1)
    later = np.corrcoef(drawn[:-60], drawn[60:])[0, 1]
    assert later == pytest.approx(0.75 / np.e, abs=0.08)
    assert TripSpec().noise.total_m == pytest.approx(3.0)
