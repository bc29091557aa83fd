from fractions import Fraction

import numpy as np
import pytest

from streamvision.inference.heads.base import Candidates
from streamvision.inference.nms import MAX_CANDIDATES, suppress


def candidates_of(boxes, scores, classes=None):
    classes = np.zeros(len(scores)) if classes is None else classes
    return Candidates(
        np.asarray(boxes, np.float32).reshape(-1, 4), np.asarray(scores, np.float32), np.asarray(classes, np.int32)
    )


def greedy(candidates, iou, agnostic):
    """Textbook suppression in exact arithmetic: take the best, drop what overlaps it by more than ``iou``, repeat."""
    boxes = [tuple(Fraction(float(v)) for v in box) for box in candidates.box_xyxy_px]
    classes = candidates.class_id.tolist()
    waiting = sorted(range(len(boxes)), key=lambda i: -float(candidates.score[i]))
    kept = []
    for i in waiting:
        rivals = [j for j in kept if agnostic or classes[i] == classes[j]]
        if all(overlap(boxes[i], boxes[j]) <= Fraction(str(iou)) for j in rivals):
            kept.append(i)
    return kept


def overlap(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def random_candidates(seed, *, whole=False, ties=False, count=70):
    rng = np.random.default_rng(seed)
    corner, size = rng.uniform(-20, 100, (count, 2)), rng.uniform(2, 60, (count, 2))
    if whole:
        corner, size = corner // 10, size // 10 + 1
    scores = rng.integers(1, 6, count) / 6 if ties else rng.random(count)
    return candidates_of(np.concatenate([corner, corner + size], 1), scores, rng.integers(0, 3, count))


@pytest.mark.parametrize("agnostic", [False, True])
@pytest.mark.parametrize("iou", [0.3, 0.45, 0.5, 0.6, 0.7])
@pytest.mark.parametrize("kind", [{}, {"whole": True}, {"ties": True}, {"whole": True, "ties": True}])
def test_equals_textbook_suppression(kind, iou, agnostic):
    """Whole coordinates give identical boxes and overlaps of exactly ``iou``; few levels give equal scores."""
    for seed in range(3):
        candidates = random_candidates(seed, **kind)
        found = suppress(candidates, iou=iou, agnostic=agnostic, max_detections=1000)
        assert found.tolist() == greedy(candidates, iou, agnostic)


@pytest.mark.parametrize("max_detections", [1, 2, 5, 20, 60])
def test_the_limit_keeps_the_best_of_all(max_detections):
    candidates = random_candidates(7, count=300)
    found = suppress(candidates, iou=0.3, agnostic=True, max_detections=max_detections)
    assert found.tolist() == greedy(candidates, 0.3, True)[:max_detections]


def test_a_crowd_of_duplicates_does_not_hide_the_box_behind_it():
    """The best 200 are one object, so the few boxes that are compared first do not suffice."""
    candidates = candidates_of([[0, 0, 10, 10]] * 200 + [[50, 50, 60, 60]], np.linspace(0.9, 0.3, 201))
    assert suppress(candidates, iou=0.6, agnostic=False, max_detections=3).tolist() == [0, 200]


def test_nothing_in_nothing_out():
    assert suppress(candidates_of([], []), iou=0.6, agnostic=False, max_detections=300).tolist() == []


def test_boxes_without_area_or_inside_out_neither_stay_nor_suppress():
    boxes = [[5, 5, 5, 9], [9, 9, 1, 1], [0, 0, 10, 10], [5, 5, 5, 5], [20, 0, 10, 5]]
    candidates = candidates_of(boxes, [0.9, 0.9, 0.5, 0.9, 0.9])
    assert suppress(candidates, iou=0.1, agnostic=True, max_detections=300).tolist() == [2]


def test_one_absurd_box_does_not_mix_up_the_classes():
    boxes = [[-3e38, -3e38, 3e38, 3e38], [0, 0, 10, 10], [0, 0, 10, 10], [100, 100, 120, 120]]
    candidates = candidates_of(boxes, [0.9, 0.8, 0.7, 0.6], [2, 0, 1, 1])
    assert suppress(candidates, iou=0.5, agnostic=False, max_detections=300).tolist() == [0, 1, 2, 3]


def test_boxes_of_score_zero_are_treated_as_all_others():
    assert len(suppress(candidates_of([[0, 0, 9, 9]], [0.0]), iou=0.5, agnostic=False, max_detections=300)) == 1


def test_a_flood_is_bounded_to_the_best():
    count = MAX_CANDIDATES + 100
    corner = np.stack(np.divmod(np.arange(count), 100), axis=1) * 10.0
    candidates = candidates_of(np.concatenate([corner, corner + 5], 1), np.linspace(0.1, 0.9, count))
    found = suppress(candidates, iou=0.5, agnostic=False, max_detections=count)
    assert found.tolist() == list(range(count - 1, count - 1 - MAX_CANDIDATES, -1))
