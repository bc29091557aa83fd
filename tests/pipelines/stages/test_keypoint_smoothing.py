"""Keypoints of an identity tremble less and still follow; those of nobody, and of somebody else, are left alone."""

import numpy as np
import pytest

from pipelines.stages.smoothing import KeypointSmoother
from streamvision.core.detections import Detections

FPS = 25


def person(points, *, identity=1, score=0.9):
    points = np.asarray(points, np.float32).reshape(1, -1, 2)
    track_id = np.ma.MaskedArray([identity or 0], mask=[identity is None])
    box = np.array([[0, 0, 100, 200]], np.float32)
    certain = np.full(points.shape[:2], score, np.float32)
    return Detections(
        box, np.ones(1, np.float32), np.zeros(1, np.int32), track_id, keypoint_xy_px=points, keypoint_score=certain
    )


def followed(places, *, fps=FPS, **options):
    smoother = KeypointSmoother(memory_s=1.0)
    return np.array(
        [smoother.update(person(p, **options), pts_s=n / fps).keypoint_xy_px[0, 0] for n, p in enumerate(places)]
    )


@pytest.mark.parametrize("fps", [10, 25])
def test_what_stands_still_trembles_less(fps):
    noisy = 50 + np.random.default_rng(0).normal(0, 2, (300, 1, 2))
    smooth = followed(noisy, fps=fps)
    assert smooth[20:].std() < 0.75 * noisy[20:].std()
    assert smooth.mean() == pytest.approx(50, abs=0.5)


def test_what_moves_fast_is_followed():
    line = np.stack([np.arange(60) * 12.0, np.zeros(60)], axis=1)[:, None]  # one and a half of its sizes a second
    lag_px = line[-1, 0, 0] - followed(line)[-1, 0]
    assert 0 <= lag_px < 12


def test_nobody_and_somebody_else_are_left_alone():
    jumps = [[[0.0, 0.0]], [[40.0, 40.0]]]
    assert followed(jumps, identity=None)[1].tolist() == [40, 40]
    smoother = KeypointSmoother(memory_s=1.0)
    smoother.update(person(jumps[0], identity=1), pts_s=0.0)
    assert smoother.update(person(jumps[1], identity=2), pts_s=0.04).keypoint_xy_px[0, 0].tolist() == [40, 40]
    assert smoother.update(person(jumps[1], identity=1), pts_s=0.08).keypoint_xy_px[0, 0, 0] < 40
    assert smoother.update(person(jumps[0], identity=1), pts_s=5.0).keypoint_xy_px[0, 0].tolist() == [0, 0]


def test_what_was_not_sure_begins_anew():
    smoother = KeypointSmoother(memory_s=1.0)
    smoother.update(person([[0.0, 0.0]], score=0.01), pts_s=0.0)
    after = smoother.update(person([[40.0, 40.0]]), pts_s=0.04).keypoint_xy_px[0, 0]
    assert after.tolist() == [40, 40]


def test_objects_without_keypoints_pass():
    assert len(KeypointSmoother(memory_s=1.0).update(Detections.empty(), pts_s=0.0)) == 0
