from __future__ import annotations

import numpy as np
import pytest

from pipelines.rendering.trails import MAX_OBJECTS, SAMPLES, Trails
from streamvision.core.detections import Detections


def seen(*objects: tuple[int | None, float, float]) -> Detections:
    """Return detections with a 20x40 box whose bottom centre is at x, y."""
    count = len(objects)
    box = np.array([[x - 10, y - 40, x + 10, y] for _, x, y in objects], np.float32).reshape(count, 4)
    identity = np.ma.array([i or 0 for i, _, _ in objects], mask=[i is None for i, _, _ in objects], dtype=np.int64)
    return Detections(box, np.ones(count, np.float32), np.zeros(count, np.int32), identity)


def test_a_trail_follows_the_bottom_centre_in_time_order() -> None:
    trails = Trails(2.0)
    for step in range(5):
        trails.update(seen((7, 100 + 10 * step, 50), (9, 300, 50 + step)), pts_s=0.5 * step)
    curves = dict(trails.snapshot().curves())
    assert curves[7].tolist() == [[100 + 10 * step, 50] for step in range(5)]
    assert curves[9].tolist() == [[300, 50 + step] for step in range(5)]


def test_a_trail_forgets_what_is_older_than_its_length() -> None:
    trails = Trails(1.0)
    for step in range(50):
        trails.update(seen((1, step, 9)), pts_s=0.25 * step)
    ((_, curve),) = trails.snapshot().curves()
    assert curve[:, 0].tolist() == [45, 46, 47, 48, 49]


def test_points_are_bounded_and_the_newest_is_always_there() -> None:
    trails = Trails(2.0)
    for step in range(1000):
        trails.update(seen((1, step, 9)), pts_s=step / 240)
        ((_, curve),) = trails.snapshot().curves() or [(1, np.array([[step, 9]]))]
        assert len(curve) <= SAMPLES + 2
        assert curve[-1, 0] == step
    assert len(curve) > SAMPLES * 0.8


def test_identities_are_bounded() -> None:
    trails = Trails(2.0)
    for step in range(3):
        trails.update(seen(*[(i, i, step) for i in range(MAX_OBJECTS + 50)]), pts_s=float(step) / 2)
    assert len(trails.snapshot().curves()) == MAX_OBJECTS


def test_objects_without_identity_leave_no_trail() -> None:
    trails = Trails(2.0)
    untracked = Detections(np.ones((2, 4), np.float32), np.ones(2, np.float32), np.zeros(2, np.int32))
    for step in range(3):
        trails.update(seen((None, 5 * step, 9), (None, 90, 9)), pts_s=step / 5)
        assert trails.snapshot().curves() == []
    trails.update(untracked, pts_s=1.0)
    assert trails.snapshot().curves() == []


def test_objects_that_have_left_lose_their_trail() -> None:
    trails = Trails(2.0)
    trails.update(seen((1, 0, 9), (2, 0, 9)), pts_s=0.0)
    trails.update(seen((1, 9, 9), (2, 9, 9)), pts_s=0.2)
    trails.update(seen((2, 18, 9)), pts_s=0.4)
    assert [identity for identity, _ in trails.snapshot().curves()] == [2]
    trails.update(Detections.empty(), pts_s=0.6)
    assert trails.snapshot().curves() == []


@pytest.mark.parametrize(("pts_s", "segment"), [(0.6, 1), (0.1, 0)])
def test_a_new_segment_or_time_running_back_starts_afresh(pts_s: float, segment: int) -> None:
    trails = Trails(2.0)
    trails.update(seen((1, 0, 9)), pts_s=0.2)
    trails.update(seen((1, 9, 9)), pts_s=0.4)
    trails.update(seen((1, 500, 9)), pts_s=pts_s, segment=segment)
    assert trails.snapshot().curves() == []


def test_a_snapshot_does_not_change_afterwards() -> None:
    trails = Trails(1.0)
    trails.update(seen((1, 0, 9)), pts_s=0.0)
    trails.update(seen((1, 9, 9)), pts_s=0.5)
    snapshot = trails.snapshot()
    for step in range(20):
        trails.update(seen((1, 700, 9)), pts_s=1.0 + step)
    ((_, curve),) = snapshot.curves()
    assert curve.tolist() == [[0, 9], [9, 9]]


def test_only_those_that_moved_far_enough_are_given() -> None:
    trails = Trails(2.0)
    for step in range(10):
        trails.update(seen((1, 100 + step, 50), (2, 100, 50 + 9 * step)), pts_s=step / 10)
    assert [identity for identity, _ in trails.snapshot().curves(min_extent_px=30)] == [2]
    assert [identity for identity, _ in trails.snapshot().curves(min_extent_px=5)] == [1, 2]
