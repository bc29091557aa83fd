"""What users of the tracker depend on."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from pipelines.stages.tracking.lifecycle import MAX_TRACKS
from pipelines.stages.tracking.steady import SteadyTracker
from streamvision.core.detections import Detections
from support.moving_boxes import at, found, walker, watch

NOTHING = Detections.empty()


@pytest.mark.parametrize("fps", [8, 10, 25, 30, 60])
def test_an_object_keeps_its_identity_at_any_frame_rate(fps: float) -> None:
    seen = watch(SteadyTracker(), at(fps, 4), lambda t: found(walker(t)))
    assert seen == [[1]] * len(seen)


def test_crossing_objects_keep_their_identities() -> None:
    def scene(t_s: float) -> Detections:
        return found(walker(t_s, start_px=100, speed_px_s=120), walker(t_s, start_px=500, speed_px_s=-120, top_px=230))

    seen = watch(SteadyTracker(), at(30, 4), scene)
    assert seen == [[1, 2]] * len(seen)


def test_identity_survives_every_second_frame_dropped_at_random() -> None:
    kept = np.random.default_rng(3).random(240) < 0.5
    seen = watch(SteadyTracker(), at(30, 8)[kept], lambda t: found(walker(t), walker(t, speed_px_s=-60, start_px=900)))
    assert seen == [[1, 2]] * len(seen)


def test_an_occlusion_shorter_than_the_memory_is_bridged() -> None:
    tracker = SteadyTracker(memory_s=1.0)
    watch(tracker, at(30, 2), lambda t: found(walker(t)))
    watch(tracker, at(30, 0.8, begin_s=2), lambda t: NOTHING)
    assert watch(tracker, at(30, 1, begin_s=2.8), lambda t: found(walker(t))) == [[1]] * 30


def test_an_occlusion_longer_than_the_memory_ends_an_identity() -> None:
    tracker = SteadyTracker(memory_s=0.5)
    watch(tracker, at(30, 2), lambda t: found(walker(t)))
    watch(tracker, at(30, 0.8, begin_s=2), lambda t: NOTHING)
    assert len(tracker._tracks) == 0
    seen = watch(tracker, at(30, 1, begin_s=2.8), lambda t: found(walker(t)))
    assert seen[0] == [None]
    assert seen[-1] == [2]


def test_memory_counts_stream_time_and_not_frames() -> None:
    """Three frames of silence are 0.1 s at 30 fps, and 1.5 s at 2 fps."""
    for fps, kept in ((30, True), (2, False)):
        tracker = SteadyTracker(memory_s=1.0)
        for index in range(20):
            tracker.update(found(walker(0)), pts_s=index / fps)
        for index in range(20, 23):
            tracker.update(NOTHING, pts_s=index / fps)
        assert (len(tracker._tracks) == 1) is kept


def test_another_class_is_another_object() -> None:
    tracker = SteadyTracker()
    watch(tracker, at(30, 1), lambda t: found(walker(t), class_id=2))
    seen = watch(tracker, at(30, 1, begin_s=1), lambda t: found(walker(t), class_id=7))
    assert seen[0] == [None]
    assert seen[-1] == [2]


def test_an_identity_continues_in_another_class_where_classes_do_not_count() -> None:
    tracker = SteadyTracker(class_agnostic=True)
    watch(tracker, at(30, 1), lambda t: found(walker(t), class_id=2))
    result = tracker.update(found(walker(1), class_id=7), pts_s=1.0)
    assert result.identities() == [1]
    assert result.class_id.tolist() == [7]


def test_overlapping_objects_of_two_classes_keep_apart() -> None:
    def scene(t_s: float) -> Detections:
        order = slice(None) if round(t_s * 30) % 2 else slice(None, None, -1)
        return found(walker(t_s), walker(t_s), class_id=[0, 1])[order]

    tracker = SteadyTracker()
    for t_s in at(30, 2):
        result = tracker.update(scene(t_s), pts_s=t_s)
        assert dict(zip(result.class_id.tolist(), result.identities(), strict=True)) in ({0: 1, 1: 2}, {0: 2, 1: 1})


def test_one_object_under_two_names_is_one_identity_where_classes_do_not_count() -> None:
    def scene(t_s: float) -> Detections:
        left, top, right, bottom = walker(t_s)
        return found((left + 3, top, right, bottom - 2), walker(t_s), score=[0.7, 0.9], class_id=[7, 2])

    for class_agnostic, identities in ((True, {1, None}), (False, {1, 2})):
        tracker = SteadyTracker(class_agnostic=class_agnostic)
        watch(tracker, at(30, 0.1), lambda t: Detections.empty())
        seen = watch(tracker, at(30, 1, begin_s=0.1), scene)
        assert all(set(frame) == identities for frame in seen[3:])


def test_unconfirmed_has_no_identity() -> None:
    tracker = SteadyTracker()
    tracker.update(NOTHING, pts_s=0.0)
    seen = watch(tracker, [1 / 30, 2 / 30, 3 / 30], lambda t: found(walker(t)))
    assert seen == [[None], [None], [1]]


def test_a_flash_never_gets_an_identity() -> None:
    tracker = SteadyTracker()
    tracker.update(NOTHING, pts_s=0.0)
    for index in range(1, 60):
        flash = found(walker(0)) if index % 3 == 0 else NOTHING
        assert tracker.update(flash, pts_s=index / 30).identities() in ([], [None])
    assert len(tracker._tracks) <= 1


def test_what_the_first_frame_shows_is_known_at_once_if_the_network_is_sure() -> None:
    tracker = SteadyTracker()
    assert tracker.update(found(walker(0), walker(0, start_px=900), score=[0.9, 0.3]), pts_s=7.0).identities() == [
        1,
        None,
    ]


def test_a_network_that_is_never_sure_still_gives_identities() -> None:
    seen = watch(SteadyTracker(), at(30, 2), lambda t: found(walker(t), score=0.35))
    assert seen[10] == [None]
    assert seen[20:] == [[1]] * 40


def test_a_weak_detection_continues_a_track_and_is_reported() -> None:
    tracker = SteadyTracker()
    watch(tracker, at(30, 1), lambda t: found(walker(t)))
    result = tracker.update(found(walker(1), walker(1, start_px=900), score=0.15), pts_s=1.0)
    assert result.identities() == [1]


def test_a_weak_detection_alone_is_neither_reported_nor_tracked() -> None:
    tracker = SteadyTracker(report_score=0.4)
    assert watch(tracker, at(30, 1), lambda t: found(walker(t), score=0.39)) == [[]] * 30
    assert len(tracker._tracks) == 0


def test_an_object_needs_the_score_that_the_user_asked_for_before_it_is_followed() -> None:
    assert watch(SteadyTracker(report_score=0.8), at(30, 1), lambda t: found(walker(t), score=0.75)) == [[]] * 30
    assert watch(SteadyTracker(report_score=0.8), at(30, 1), lambda t: found(walker(t), score=0.85)) == [[1]] * 30


def test_whoever_asks_for_less_than_the_tracker_uses_still_gets_it() -> None:
    tracker = SteadyTracker(report_score=0.02)
    assert tracker.low_score == 0.02
    assert tracker.update(found(walker(0), score=0.03), pts_s=0).identities() == [None]


def test_rows_keep_their_order_and_everything_in_them_but_the_box() -> None:
    tracker = SteadyTracker()
    given = found(
        walker(0, start_px=900), walker(0), walker(0, start_px=500), score=[0.3, 0.9, 0.7], class_id=[5, 1, 3]
    )
    for index in range(20):
        result = tracker.update(given, pts_s=index / 30)
    assert result.class_id.tolist() == [5, 1, 3]
    np.testing.assert_array_equal(result.score, given.score)
    np.testing.assert_allclose(result.box_xyxy_px, given.box_xyxy_px, atol=0.01)


def test_the_box_of_a_track_is_steadier_than_what_was_measured() -> None:
    noise = np.random.default_rng(0).normal(0, 5, (300, 4))
    tracker = SteadyTracker()
    error = []
    for index, t_s in enumerate(at(30, 10)):
        truth = np.array(walker(t_s))
        box = tuple((truth + noise[index]).tolist())
        error.append(tracker.update(found(box), pts_s=t_s).box_xyxy_px[0] - truth)
    assert np.abs(error[30:]).mean() < 0.7 * np.abs(noise[30:]).mean()


def test_the_given_arrays_are_left_alone() -> None:
    tracker = SteadyTracker()
    for index, t_s in enumerate(at(30, 1)):
        given = found(walker(t_s + 0.3 * (index % 2)))
        before = given.box_xyxy_px.copy()
        tracker.update(given, pts_s=t_s)
        np.testing.assert_array_equal(given.box_xyxy_px, before)


def test_two_instances_share_nothing() -> None:
    one, two = SteadyTracker(), SteadyTracker()
    for t_s in at(30, 1):
        assert one.update(found(walker(t_s), walker(t_s, start_px=800)), pts_s=t_s).identities() == [1, 2]
        assert two.update(found(walker(t_s)), pts_s=t_s).identities() == [1]
    one.reset()
    assert two.update(found(walker(1)), pts_s=1.0).identities() == [1]


def test_reset_forgets_and_never_gives_an_identity_twice() -> None:
    tracker = SteadyTracker()
    given = set()
    for round_ in range(5):
        result = tracker.update(found(walker(0), walker(0, start_px=800)), pts_s=float(round_ % 2))
        given.update(result.identities())
        tracker.reset()
        assert len(tracker._tracks) == 0
    assert given == set(range(1, 11))


@pytest.mark.parametrize("pts_s", [61.0, -100.0])
def test_after_a_jump_all_tracks_are_gone(pts_s: float) -> None:
    tracker = SteadyTracker(memory_s=2.0)
    watch(tracker, at(30, 1), lambda t: found(walker(0)))
    seen = watch(tracker, at(30, 1, begin_s=pts_s), lambda t: found(walker(0)))
    assert seen[0] == [None]
    assert seen[-1] == [2]


def test_pictures_too_far_apart_to_follow_anything_give_no_identities() -> None:
    seen = watch(SteadyTracker(memory_s=1.0), range(0, 40, 2), lambda t: found(walker(0)))
    assert seen == [[1]] + [[None]] * 19


def test_a_repeated_or_slightly_earlier_time_changes_no_identity() -> None:
    tracker = SteadyTracker()
    times_s = [0.0, 0.0, 0.04, 0.08, 0.08, 0.08, 0.06, 0.12, 0.16]
    assert watch(tracker, times_s, lambda t: found(walker(t))) == [[1]] * len(times_s)


@pytest.mark.parametrize("pts_s", [float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused(pts_s: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        SteadyTracker().update(NOTHING, pts_s=pts_s)


def test_boxes_that_are_none_are_dropped() -> None:
    tracker = SteadyTracker()
    nan, inf = float("nan"), float("inf")
    bad = [(nan, 0, 10, 10), (0, 0, inf, 10), (inf, 0, inf, 10), (50, 50, 50, 90), (90, 50, 50, 90)]
    for t_s in at(30, 1):
        result = tracker.update(found(*bad, walker(t_s)), pts_s=t_s)
        assert result.identities() == [1]
        assert np.isfinite(result.box_xyxy_px).all()
    assert len(tracker._tracks) == 1
    assert len(tracker.update(found(walker(1), score=nan), pts_s=1.0)) == 0


def test_frames_without_objects_come_back_empty_and_tracked() -> None:
    result = SteadyTracker().update(NOTHING, pts_s=0.0)
    assert len(result) == 0
    assert result.track_id is not None


def test_the_same_input_gives_the_same_identities() -> None:
    def crowd(t_s: float) -> Detections:
        rng = np.random.default_rng(round(t_s * 30))
        corner = rng.uniform(0, 200, (40, 2))
        return found(*np.hstack([corner, corner + 80]).tolist(), score=rng.uniform(0.1, 1, 40))

    assert watch(SteadyTracker(), at(30, 3), crowd) == watch(SteadyTracker(), at(30, 3), crowd)


def births_and_deaths(frames: int) -> list[int]:
    """Return the bytes of the tracker's whole state at 20 moments of a stream in which objects come and go."""
    rng = np.random.default_rng(1)
    tracker, size = SteadyTracker(), []
    corner = rng.uniform(0, 1000, (12, 2))
    for index in range(frames):
        if index % 5 == 0:
            corner[rng.integers(12)] = rng.uniform(0, 1000, 2)
        box = np.hstack([corner, corner + 60])[rng.random(12) < 0.9]
        tracker.update(found(*box.tolist()), pts_s=index / 30)
        if index % (frames // 20) == 0:
            size.append(len(pickle.dumps(tracker)))
    return size


def test_memory_is_flat_over_births_and_deaths() -> None:
    size = births_and_deaths(6000)
    assert max(size[10:]) < 1.5 * max(size[1:10])


def test_a_flood_of_objects_is_bounded() -> None:
    rng = np.random.default_rng(2)
    tracker = SteadyTracker(memory_s=60)
    for index in range(40):
        corner = rng.uniform(0, 1e6, (300, 2))
        boxes = found(*np.hstack([corner, corner + 20]).tolist())
        for repeat in range(4):
            tracker.update(boxes, pts_s=index + repeat * 0.03)
    assert len(tracker._tracks) <= MAX_TRACKS
    assert tracker.update(boxes, pts_s=40.0).track_id.count() == 300, "those seen last are the ones that are kept"


def test_the_box_stays_on_what_comes_close() -> None:
    """A sign that a car passes grows ever faster; with 60 km/h and 30 fps it does so by a third in the last frame."""
    tracker, shown, true = SteadyTracker(), [], []
    for index in range(60):
        distance_m = 40 - 16.7 * index / 30
        side, right = 700 / distance_m, 640 + 3000 / distance_m
        true.append((right, 300 - side / 2, right + side, 300 + side / 2))
        shown.append(tracker.update(found(true[-1]), pts_s=index / 30).box_xyxy_px[0])
    off = np.abs(np.array(shown) - np.array(true)).max(axis=1)
    side = np.array(true)[:, 2] - np.array(true)[:, 0]
    assert (off < 0.1 * side).all()
    assert (off / side).mean() < 0.05
