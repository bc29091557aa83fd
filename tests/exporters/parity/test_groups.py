"""The gate by class and by size: what always goes wrong with few objects is refused, what chance explains is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from exporters.parity.chance import ERROR_RATE, most_of
from exporters.parity.groups import LEAST_OBJECTS, GroupTally
from exporters.parity.model_run import Trace
from exporters.parity.objects import FinalObjects
from exporters.parity.tolerances import TOLERANCES, tolerance_for
from exporters.parity.verdict import ParityStage
from streamvision.core.detections import Detections
from streamvision.inference.model import Prediction

NAMES = ("person", "dog", "cup")
PERSONS = 260
INT8 = TOLERANCES["int8"]


def objects(persons: int = PERSONS, dogs: int = 12, *, dog_side_px: int = 20) -> Detections:
    """Return objects that lie apart; persons are 120 px wide and high."""
    count = persons + dogs
    side = np.where(np.arange(count) < persons, 120, dog_side_px)
    left_top = 200.0 * np.stack([np.arange(count) % 12, np.arange(count) // 12], axis=1)
    boxes = np.concatenate([left_top, left_top + side[:, None]], axis=1).astype(np.float32)
    classes = (np.arange(count) >= persons).astype(np.int32)
    return Detections(boxes, np.linspace(0.9, 0.6, count, dtype=np.float32), classes)


def trace(found: Detections) -> Trace:
    return Trace(np.zeros((3, 8, 8)), [np.zeros((1, 4))], None, Prediction(found, None))


def judged(source: Detections, export: Detections, tolerance=INT8) -> ParityStage:
    final = FinalObjects(NAMES, tolerance, score=0.25)
    final.add("one", trace(source), trace(export), px=1.0)
    return final.finish()


def changed(found: Detections, field: str, rows: np.ndarray, by: object) -> Detections:
    values = getattr(found, field).copy()
    values[rows] += by
    return replace(found, **{field: values})


DOGS = np.arange(PERSONS, PERSONS + 12)
RUNS = 150
SPREAD = np.arange(0, PERSONS, PERSONS // 12)


def test_equal_objects_pass_and_each_group_is_reported():
    stage = judged(objects(), objects())
    assert stage.passed
    assert [group.name for group in stage.groups] == [
        "class 'person'",
        "class 'dog'",
        "small objects",
        "large objects",
    ]
    assert stage.to_json()["groups"][1]["objects"] == 12


BROKEN = {
    "lost": lambda found: found[np.arange(PERSONS)],
    "called cups": lambda found: changed(found, "class_id", DOGS, 1),
    "displaced": lambda found: changed(found, "box_xyxy_px", DOGS, np.float32([5, 0, 5, 0])),
    "weaker by 0.2": lambda found: changed(found, "score", DOGS, np.float32(-0.2)),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_small_class_that_is_always_wrong_is_refused(how):
    """All figures over all objects are within their limits, so that nothing else refuses it."""
    stage = judged(objects(), BROKEN[how](objects()))
    assert not stage.faults
    assert all(figure.passed for figure in stage.figures)
    assert not stage.passed
    assert "'dog'" in stage.sentence() or "'cup'" in stage.sentence()


def test_a_size_that_is_always_wrong_is_refused():
    """Small objects of a class that has large ones, too."""
    found = objects()
    found.class_id[:] = 0
    stage = judged(found, BROKEN["lost"](found))
    assert [group.name for group in stage.groups if not group.passed] == ["small objects"]


def test_the_same_errors_over_all_classes_pass():
    found = objects()
    assert judged(found, changed(found, "score", SPREAD, np.float32(-0.2))).passed
    assert judged(found, found[np.setdiff1d(np.arange(PERSONS + 12), SPREAD)]).passed


def test_fewer_objects_are_no_group():
    found = objects(dogs=LEAST_OBJECTS - 1)
    stage = judged(found, found[np.arange(PERSONS)])
    assert "class 'dog'" not in {group.name for group in stage.groups}
    assert stage.passed


def test_random_weights_are_not_judged_by_group():
    assert judged(objects(), objects(), tolerance_for("int8", untrained=True)).groups == ()


@pytest.mark.parametrize("precision", ["fp16", "int8-dynamic", "int8"])
def test_what_differs_by_what_is_allowed_is_refused_as_seldom_as_is_said(precision):
    """Lost and gained objects, boxes and scores all at their limits, in eight groups."""
    limits, rng, refused = TOLERANCES[precision], np.random.default_rng(5), 0
    tally_names = tuple(map(str, range(8)))
    one_side = limits.unmatched_share if limits.lost_share is None else limits.lost_share
    for _ in range(RUNS):
        tally = GroupTally(tally_names, limits)
        count = 400
        base = objects(persons=count, dogs=0)
        base.class_id[:] = rng.choice(8, count, p=np.array([40, 20, 10, 10, 5, 5, 5, 5]) / 100)
        lost, gained = (base[rng.random(count) < one_side] for _ in range(2))
        paired = base[rng.random(count) >= one_side]
        iou = 1 - rng.exponential(1 - limits.mean_iou, len(paired)).clip(0, 1)
        other = replace(paired, score=paired.score - rng.exponential(limits.mean_score, len(paired)).astype(np.float32))
        tally.add(paired, other, iou, lost=lost, gained=gained)
        refused += not all(group.passed for group in tally.finish())
    assert refused <= most_of(RUNS, ERROR_RATE, 1e-4)
