"""The synthetic drive: the same film every time, and a truth that agrees with its pixels."""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.capture.synthetic_reader import parse_options
from streamvision.core.errors import SourceError
from streamvision.core.picture import YuvPicture
from streamvision.synthetic.drive import DriveScene
from streamvision.synthetic.drive.class_planes import PIXEL_CLASSES
from streamvision.synthetic.drive.roadside import create_roadside
from streamvision.synthetic.drive.truth import MIN_HEIGHT_PX, objects_in_view
from streamvision.synthetic.drive.vehicles import Vehicle
from streamvision.synthetic.drive.view import Course, moment_at
from support.capturing import capturing, take

SIZE = (640, 360)


@lru_cache(maxsize=2)
def drive(seed: int = 3) -> DriveScene:
    return DriveScene(*SIZE, 30.0, seed)


def pixels(picture: YuvPicture) -> NDArray[np.uint8]:
    return np.concatenate([picture.y.ravel(), picture.u.ravel(), picture.v.ravel()])


def test_the_uri_opens_the_drive_as_a_source() -> None:
    with capturing("synthetic:drive?seed=1&fps=30&size=320x180&frames=4&realtime=0") as capture:
        frames = take(capture)
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert (frames[0].picture.width_px, frames[0].picture.height_px) == (320, 180)
    assert frames[-1].pts_s == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("text", "fault"), [("drive?weather=snow", "'weather' is no option"), ("drives", "boxes, drive")]
)
def test_what_the_drive_does_not_know_is_refused(text: str, fault: str) -> None:
    with pytest.raises(SourceError, match=fault):
        parse_options(text)


def test_a_frame_depends_on_seed_and_index_alone() -> None:
    again = DriveScene(*SIZE, 30.0, 3)
    for index in (40, 900, 10):  # in another order than that in which the first scene may have been asked
        assert np.array_equal(pixels(drive().picture_at(index)), pixels(again.picture_at(index)))
        assert np.array_equal(drive().objects_at(index).box_xyxy_px, again.objects_at(index).box_xyxy_px)
    other = DriveScene(*SIZE, 30.0, 4)
    assert not np.array_equal(pixels(drive().picture_at(40)), pixels(other.picture_at(40)))


@pytest.mark.parametrize("size", [(64, 36), (641, 361), (360, 640)])
def test_any_size_can_be_drawn(size: tuple[int, int]) -> None:
    scene = DriveScene(*size, 5.0, 0)
    picture = scene.picture_at(17)
    assert (picture.width_px, picture.height_px) == size
    assert picture.to_bgr().std() > 10


def test_a_lap_has_its_length_and_shows_every_class_in_every_weather() -> None:
    scene = drive()
    assert 60 <= scene.lap_frames / 30 <= 95
    thirds = [set[str](), set[str](), set[str]()]
    for index in range(0, scene.lap_frames, 15):
        found = scene.objects_at(index)
        thirds[3 * index // scene.lap_frames].update(found.count_by_name(scene.names))
    assert all(third == {"speedlimit", "crosswalk", "trafficlight", "stop"} for third in thirds)


def test_boxes_lie_in_the_picture_and_are_large_enough() -> None:
    for index in range(0, drive().lap_frames, 31):
        boxes = drive().objects_at(index).box_xyxy_px
        assert (boxes >= 0).all()
        assert (boxes <= SIZE * 2).all()
        assert (boxes[:, 3] - boxes[:, 1] >= MIN_HEIGHT_PX).all()


def test_objects_come_nearer_keep_their_identity_and_never_return() -> None:
    scene = drive()
    frames_by_id: dict[int, list[tuple[int, float, int]]] = {}
    for index in range(0, 2 * scene.lap_frames, 5):
        found = scene.objects_at(index)
        for identity, box, class_id in zip(found.identities(), found.box_xyxy_px, found.class_id, strict=True):
            assert identity is not None
            frames_by_id.setdefault(identity, []).append((index, float(box[3] - box[1]), int(class_id)))
    assert min(frames_by_id) >= 1
    assert len(frames_by_id) > 2 * 15
    for seen in frames_by_id.values():
        assert len({class_id for _, _, class_id in seen}) == 1
        assert seen[-1][0] - seen[0][0] < scene.lap_frames / 3  # gone for good, the next lap's signs are others
    growth = [seen[len(seen) // 2][1] - seen[0][1] for seen in frames_by_id.values() if len(seen) > 4]
    assert np.mean([step > 0 for step in growth]) > 0.95


def test_a_box_is_where_the_picture_changes_when_its_object_is_left_out() -> None:
    scene = drive()
    misfits, checked = [], 0
    for index in range(20, int(0.3 * scene.lap_frames), 41):  # by day: later, lamps glow beyond their housing
        shown = scene.picture_at(index)
        found = scene.objects_at(index)
        for identity, box in zip(found.identities(), found.box_xyxy_px, strict=True):
            assert identity is not None
            rows, columns = np.nonzero(np.abs(shown.y.astype(int) - scene.picture_at(index, without=[identity]).y) > 8)
            checked += 1
            assert len(rows), f"object {identity} of frame {index} is not drawn"
            drawn = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
            beyond = (drawn - box) * (-1, -1, 1, 1)
            assert beyond.max() <= 1.5, f"object {identity} of frame {index} is drawn outside of its box"
            misfits.append(beyond.min() < -2)  # partly hidden, or as bright as what lies behind
    assert checked > 20
    assert np.mean(misfits) < 0.1


def test_pixels_that_change_with_a_sign_are_of_its_class() -> None:
    scene, sign, checked, wrong = drive(), PIXEL_CLASSES.index("sign"), 0, 0
    for index in range(20, int(0.3 * scene.lap_frames), 97):
        shown, classes = scene.picture_at(index), scene.class_map_at(index)
        for identity in scene.objects_at(index).identities():
            assert identity is not None
            without = scene.picture_at(index, without=[identity])
            changed = np.abs(shown.y.astype(int) - without.y) > 40  # where it hardly shows, it covers less than half
            checked += int(changed.sum())
            wrong += int((classes[changed] != sign).sum())
    assert checked > 1000
    assert wrong / checked < 0.05


def test_the_map_of_classes_shows_what_stands_where() -> None:
    classes = drive().class_map_at(700)
    assert classes.shape == SIZE[::-1]
    names = dict(enumerate(PIXEL_CLASSES))
    assert {names[int(k)] for k in np.unique(classes) if k != 255} == set(PIXEL_CLASSES)
    assert names[int(classes[5, 320])] == "sky"
    assert names[int(classes[300, 320])] == "road"
    assert classes[-1, 320] == 255  # the car's own bonnet
    assert np.array_equal(classes, drive().class_map_at(700))


@pytest.mark.parametrize("size", [(64, 36), (641, 361)])
def test_the_map_of_classes_has_the_picture_s_size(size: tuple[int, int]) -> None:
    assert DriveScene(*size, 5.0, 0).class_map_at(17).shape == size[::-1]


def test_rain_falls_on_every_frame() -> None:
    # As narrow as this, a frame in twenty has its sheet of rain unmoved.
    scene = DriveScene(64, 64, 30.0, 1)
    rainy = [index for index in range(0, scene.lap_frames, 5) if scene.mood_at(index)[0] == "rain"]
    assert len(rainy) > 60
    assert all(scene.picture_at(index).y.std() > 5 for index in rainy)


def test_an_object_behind_a_truck_does_not_count() -> None:
    rng = np.random.default_rng(5)
    roadside = create_roadside(rng)
    course = Course(rng, list(roadside.slow_zones))
    moments = [moment_at(course, index / 30.0, width_px=1280, height_px=720) for index in range(0, 600, 7)]
    moment, free = max(
        ((moment, objects_in_view(moment, roadside, [])) for moment in moments),
        key=lambda item: (item[1].box_xyxy_px[:, 3] - item[1].box_xyxy_px[:, 1]).max(initial=0),
    )
    nearest, (left, _, right, _) = free.identities()[0], free.box_xyxy_px[0].tolist()
    truck_z_m = 3.0
    truck_x_m = ((left + right) / 2 - moment.camera.center_px) * truck_z_m / moment.camera.focal_px
    truck = Vehicle("truck", 0, truck_x_m, truck_z_m, 0.0, oncoming=False, braking=False)
    assert nearest not in objects_in_view(moment, roadside, [truck]).identities()
    far_away = dataclasses.replace(truck, z_m=200.0)
    assert nearest in objects_in_view(moment, roadside, [far_away]).identities()


def test_light_and_weather_change_without_a_jump() -> None:
    scene = drive()
    lap = scene.lap_frames
    for index in (int(0.35 * lap), int(0.65 * lap), int(0.95 * lap), lap - 1, lap):
        before, after = (scene.picture_at(index + step).to_bgr().mean(axis=(0, 1)) for step in (0, 1))
        assert np.abs(before - after).max() < 3
    day, dusk, rain = (scene.picture_at(int(share * lap)).to_bgr().mean(axis=(0, 1)) for share in (0.15, 0.5, 0.8))
    assert day.mean() > 1.2 * dusk.mean()
    assert dusk[2] > dusk[0]  # red over blue
    assert abs(rain[2] - rain[0]) < 20
