"""What users depend on whichever tracker they choose."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.stages.tracking import TRACKERS, Tracker, create_tracker
from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.detections import Detections
from streamvision.core.masks import BoxMask
from support.moving_boxes import at, found, walker, watch


@pytest.fixture(params=TRACKERS.names())
def tracker(request: pytest.FixtureRequest) -> Tracker:
    config = TrackerConfig.model_validate({"name": request.param, "class_agnostic": False})
    created = create_tracker(config, score=0.25)
    assert created is not None
    return created


@pytest.mark.parametrize("fps", [8, 30])
def test_an_object_keeps_its_identity_at_any_frame_rate(tracker: Tracker, fps: float) -> None:
    assert watch(tracker, at(fps, 4), lambda t: found(walker(t)))[4:] == [[1]] * (4 * round(fps) - 4)


def test_crossing_objects_keep_their_identities(tracker: Tracker) -> None:
    def scene(t_s: float) -> Detections:
        return found(walker(t_s, start_px=100, speed_px_s=120), walker(t_s, start_px=500, speed_px_s=-120, top_px=230))

    assert watch(tracker, at(30, 4), scene)[4:] == [[1, 2]] * 116


def test_identity_survives_two_of_three_frames_dropped_at_random(tracker: Tracker) -> None:
    kept = np.random.default_rng(3).random(240) < 1 / 3
    seen = watch(tracker, at(30, 8)[kept], lambda t: found(walker(t), walker(t, speed_px_s=-60, start_px=900)))
    assert seen[4:] == [[1, 2]] * len(seen[4:])


def test_an_occlusion_is_bridged_and_a_long_one_is_not(tracker: Tracker) -> None:
    watch(tracker, at(30, 2), lambda t: found(walker(t)))
    watch(tracker, at(30, 0.5, begin_s=2), lambda t: Detections.empty())
    assert watch(tracker, at(30, 0.5, begin_s=2.5), lambda t: found(walker(t)))[-1] == [1]
    watch(tracker, at(30, 2, begin_s=3), lambda t: Detections.empty())
    assert watch(tracker, at(30, 1, begin_s=5), lambda t: found(walker(t)))[-1] == [2]


def test_classes_are_kept_apart(tracker: Tracker) -> None:
    watch(tracker, at(30, 1), lambda t: found(walker(t), class_id=1))
    assert tracker.update(found(walker(1), class_id=2), pts_s=1.0).identities() == [None]


def test_a_flicker_never_gets_an_identity(tracker: Tracker) -> None:
    watch(tracker, at(30, 1), lambda t: found(walker(t)))
    seen = tracker.update(found(walker(1), walker(1, start_px=900), score=[0.9, 0.3]), pts_s=1.0).identities()
    assert seen == [1, None]


def test_masks_keypoints_and_oriented_boxes_travel_along(tracker: Tracker) -> None:
    def scene(t_s: float) -> Detections:
        boxes = found(walker(t_s), walker(t_s, start_px=900), score=[0.9, 0.8])
        masks = np.array([BoxMask(0, 0, np.ones((2, n), np.bool_)) for n in (1, 2)], np.object_)
        points = np.array([[[1, 1]], [[2, 2]]], np.float32)
        turned = np.array([[0, 0, 1, 1, 0.1], [0, 0, 2, 2, 0.2]], np.float32)
        extra = {"mask": masks, "keypoint_xy_px": points, "keypoint_score": points[..., 0], "obb_cxcywhr_px": turned}
        return Detections(boxes.box_xyxy_px, boxes.score, boxes.class_id, **extra)  # type: ignore[arg-type]

    watch(tracker, at(30, 1), scene)
    last = tracker.update(scene(1.0), pts_s=1.0)
    assert last.identities() == [1, 2]
    assert last.mask is not None and [mask.area_px for mask in last.mask] == [2, 4]
    assert last.keypoint_xy_px is not None and last.keypoint_xy_px[:, 0, 0].tolist() == [1, 2]
    assert last.obb_cxcywhr_px is not None and last.obb_cxcywhr_px[:, 2].tolist() == [1, 2]


def test_births_and_deaths_without_end_take_no_more_memory(tracker: Tracker) -> None:
    rng = np.random.default_rng(0)

    def scene(t_s: float) -> Detections:
        corner = rng.uniform(0, 2000, (60, 2))
        return found(*(tuple(row) for row in np.hstack([corner, corner + rng.uniform(20, 80, (60, 2))]).tolist()))

    watch(tracker, at(30, 3), scene)
    count = len(tracker._tracks)  # type: ignore[attr-defined]  # of all that the registry holds
    watch(tracker, at(30, 6, begin_s=3), scene)
    assert len(tracker._tracks) < 2 * count + 100  # type: ignore[attr-defined]


def test_nothing_to_see_is_fine(tracker: Tracker) -> None:
    assert watch(tracker, at(30, 1), lambda t: Detections.empty()) == [[]] * 30


def test_carrying_on_says_where_objects_should_be_and_changes_nothing(tracker: Tracker) -> None:
    watch(tracker, at(30, 2), lambda t: found(walker(t), walker(t, start_px=900), score=[0.9, 0.3]))
    for late_s in (0.1, 0.2):
        carried = tracker.predict(pts_s=2 + late_s, picture_px=(1280, 720))
        assert 1 in carried.identities()
        box = carried.box_xyxy_px[carried.identities().index(1)]
        assert np.abs(box - found(walker(2 + late_s)).box_xyxy_px[0]).max() < 6
    assert 1 in tracker.update(found(walker(2.2)), pts_s=2.2).identities()


def test_what_has_no_identity_yet_stays_where_it_was_seen(tracker: Tracker) -> None:
    stands, new = (100, 100, 180, 300), (600, 100, 680, 300)
    watch(tracker, at(30, 1), lambda t: found(stands))
    assert tracker.update(found(stands, new), pts_s=1.0).identities() == [1, None]
    carried = tracker.predict(pts_s=1.1, picture_px=(1280, 720))
    assert carried.identities() == [1, None]
    assert carried.box_xyxy_px[1].tolist() == pytest.approx(new, abs=1)


def test_an_identity_outlives_a_long_time_in_which_it_is_only_carried(tracker: Tracker) -> None:
    stands = found((100, 100, 180, 300))
    watch(tracker, at(30, 2), lambda t: stands)
    for late_s in np.arange(0.1, 5, 0.1).tolist():
        assert tracker.predict(pts_s=2 + late_s, picture_px=(1280, 720)).identities() == [1]
    assert tracker.update(stands, pts_s=7.0).identities() == [1]
    assert tracker.update(stands, pts_s=12.0).identities() == [None], "nobody followed it"


def test_before_the_first_frame_nothing_is_carried(tracker: Tracker) -> None:
    assert len(tracker.predict(pts_s=1.0, picture_px=(640, 480))) == 0
