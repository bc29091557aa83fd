"""What sets BoT-SORT apart: it sees the camera move, and it knows what objects look like."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from pipelines.stages.tracking.botsort import BotSort, CameraMotion, compensate
from pipelines.stages.tracking.kalman import POSITION, VELOCITY, BoxFilter
from streamvision.core.detections import Detections
from streamvision.core.picture import BgrPicture
from support.moving_boxes import at, found, walker

RNG = np.random.default_rng(5)
WORLD = cv2.GaussianBlur(RNG.integers(0, 255, (900, 1600, 3), np.uint8), (0, 0), 4)
WORLD = cv2.normalize(WORLD, None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]


def view(left_px: int, top_px: int = 100) -> BgrPicture:
    return BgrPicture(np.ascontiguousarray(WORLD[top_px : top_px + 480, left_px : left_px + 640]))


def test_the_camera_s_motion_is_measured_in_the_picture_s_pixels() -> None:
    camera = CameraMotion()
    assert camera.update(view(300)) is None
    motion = camera.update(view(320, 90))
    assert motion is not None
    assert np.allclose(motion, [[1, 0, -20], [0, 1, 10]], atol=0.6)


def test_where_nothing_can_be_followed_nothing_is_said() -> None:
    camera = CameraMotion()
    grey = BgrPicture(np.full((480, 640, 3), 90, np.uint8))
    assert camera.update(grey) is None
    assert camera.update(grey) is None
    assert camera.update(view(0)) is None


def test_tracks_go_with_the_camera() -> None:
    state = BoxFilter().start(np.array([[100.0, 50, 20, 40]]))
    state[VELOCITY, 0] = [10, 0, 0, 0]
    compensate(state, np.array([[0.0, -2, 5], [2, 0, 7]]))  # a quarter turn, twice as near
    assert state[POSITION, 0].tolist() == [-95, 207, 40, 80]
    assert state[VELOCITY, 0].tolist() == [0, 20, 0, 0]


def test_a_jolt_of_the_camera_changes_no_identity() -> None:
    """Of a box 60 px wide, 50 px are left with every jolt; without looking at the picture the object is lost."""

    def last(*, camera_motion: bool) -> list[int | None]:
        tracker, identities = BotSort(camera_motion=camera_motion), []
        for index, t_s in enumerate(at(10, 3)):
            jolt = 50 * (index // 2 % 2) if index > 10 else 0
            box = (300 - jolt, 200, 360 - jolt, 360)
            identities.append(tracker.update(found(box), pts_s=t_s, picture=view(400 + jolt)).identities())
        return [i for one in identities[10:] for i in one]

    assert set(last(camera_motion=True)) == {1}
    assert set(last(camera_motion=False)) != {1}


def test_looks_tell_objects_apart_where_boxes_do_not() -> None:
    red, blue = np.eye(2, 8, dtype=np.float32)

    def scene(t_s: float, *, swapped: bool, looks: bool = True) -> Detections:
        boxes = found(walker(0), walker(0, start_px=118 if swapped else 120))
        order = [blue, red] if swapped else [red, blue]
        return replace(boxes, embedding=np.array(order)) if looks else boxes

    for looks, expected in ((True, [2, 1]), (False, [1, 2])):
        tracker = BotSort(class_agnostic=False)
        for t_s in at(30, 1):
            tracker.update(scene(t_s, swapped=False, looks=looks), pts_s=t_s)
        assert tracker.update(scene(1.0, swapped=True, looks=looks), pts_s=1.0).identities() == expected


def test_a_model_without_looks_is_no_fault_in_between() -> None:
    tracker = BotSort()
    for index, t_s in enumerate(at(30, 1)):
        one = found(walker(t_s))
        given = replace(one, embedding=np.eye(1, 4, dtype=np.float32)) if index % 2 else one
        assert len(tracker.update(given, pts_s=t_s)) == 1
