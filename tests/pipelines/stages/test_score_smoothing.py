"""The classes that are told do not flicker, and still change when the picture does."""

from itertools import pairwise

import numpy as np
import pytest

from pipelines.stages.smoothing import ScoreSmoother
from streamvision.core.image_result import ImageResult


def told(scores, *, fps=10, over_s=0.5):
    steady = ScoreSmoother(over_s=over_s)
    return [
        steady.update(ImageResult(class_score=np.array(s, np.float32)), pts_s=n / fps).class_score
        for n, s in enumerate(scores)
    ]


def changes(rows):
    best = [int(np.argmax(row)) for row in rows]
    return sum(a != b for a, b in pairwise(best))


def test_two_classes_of_nearly_the_same_score_do_not_take_turns():
    random = np.random.default_rng(1)
    scores = [(0.45 + x, 0.45 - x, 0.1) for x in random.normal(0, 0.03, 200)]
    assert changes(scores) > 50
    assert changes(told(scores)) <= 1


def test_a_new_scene_is_told_within_a_second():
    rows = told([(0.9, 0.05, 0.05)] * 10 + [(0.05, 0.9, 0.05)] * 10)
    assert np.argmax(rows[9]) == 0
    assert np.argmax(rows[17]) == 1
    assert changes(rows) == 1


@pytest.mark.parametrize("fps", [2, 10, 30])
def test_the_average_is_over_time_and_not_over_frames(fps):
    rows = told([(1.0, 0.0)] + [(0.0, 1.0)] * fps, fps=fps)
    assert rows[-1].max() == pytest.approx(1 - np.exp(-2), abs=0.01)


def test_a_gap_begins_anew_and_other_findings_pass():
    steady = ScoreSmoother(over_s=0.5)
    steady.update(ImageResult(class_score=np.array([1, 0], np.float32)), pts_s=0.0)
    after = steady.update(ImageResult(class_score=np.array([0, 1], np.float32)), pts_s=60.0)
    assert after.class_score.tolist() == [0, 1]
    scene = ImageResult(class_map=np.zeros((2, 2), np.uint8))
    assert steady.update(scene, pts_s=60.1) is scene
