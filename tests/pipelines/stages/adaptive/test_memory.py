"""Looks at parts add up to what a look at the whole would say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipelines.stages.adaptive.memory import Memory
from streamvision.core.detections import Detections
from streamvision.core.inference_plan import FULL, SKIPPED, InferencePlan
from streamvision.core.masks import BoxMask
from streamvision.core.resampling import Window
from streamvision.inference.model import Prediction

PART = InferencePlan("partial", Window(0, 0, 100, 100), (128, 128))


def found(*boxes: list[float], score: float = 0.9) -> Prediction:
    count = len(boxes)
    box = np.array(boxes, np.float32).reshape(-1, 4)
    return Prediction(Detections(box, np.full(count, score, np.float32), np.zeros(count, np.int32)), None)


def take(
    memory: Memory, look: InferencePlan, seen: Prediction | None, *, identities: list[int | None] | None = None
) -> Prediction:
    """Let the memory have a look, and a tracker that gives these identities; without any, there is no tracker."""
    told = memory.update(look, seen)
    if identities is None:
        return Prediction(memory.keep(told.detections, told.image_result), told.image_result)
    mask = [identity is None for identity in identities]
    track_id = np.ma.MaskedArray(np.array([identity or 0 for identity in identities]), mask=mask)
    return Prediction(memory.keep(replace(told.detections, track_id=track_id), told.image_result), told.image_result)


def boxes(result: Prediction) -> list[list[float]]:
    return sorted(result.detections.box_xyxy_px.tolist())


INSIDE, OUTSIDE = [20.0, 20, 60, 60], [200.0, 20, 240, 60]


def test_what_was_not_looked_at_stays() -> None:
    memory = Memory(sure_score=0.25)
    take(memory, FULL, found(INSIDE, OUTSIDE))
    moved = [22.0, 20, 62, 60]
    assert boxes(take(memory, PART, found(moved))) == [moved, OUTSIDE]
    assert boxes(take(memory, SKIPPED, None)) == [moved, OUTSIDE]
    assert memory.boxes.tolist() == [OUTSIDE, moved]


def test_what_has_left_the_part_is_gone_and_the_whole_replaces_all() -> None:
    memory = Memory(sure_score=0.25)
    take(memory, FULL, found(INSIDE, OUTSIDE))
    assert boxes(take(memory, PART, found())) == [OUTSIDE]
    assert boxes(take(memory, FULL, found(INSIDE))) == [INSIDE]


def test_an_object_that_the_edge_cuts_is_not_counted_twice() -> None:
    memory = Memory(sure_score=0.25)
    across = [90.0, 20, 160, 60]
    take(memory, FULL, found(across))
    assert boxes(take(memory, PART, found([90.0, 20, 100, 60]))) == [across]
    assert len(boxes(take(memory, PART, found([40.0, 20, 80, 60])))) == 2


def test_who_comes_or_goes_is_unsettled_and_who_stays_is_not() -> None:
    memory = Memory(sure_score=0.25)
    take(memory, FULL, found(INSIDE, OUTSIDE))
    assert memory.unsettled.tolist() == [INSIDE, OUTSIDE]
    take(memory, FULL, found(INSIDE, OUTSIDE))
    assert len(memory.unsettled) == 0
    take(memory, PART, found())
    assert memory.unsettled.tolist() == [INSIDE]
    take(memory, PART, found([10.0, 10, 30, 30], score=0.1))
    assert len(memory.unsettled) == 0


def test_a_reconnect_forgets_all() -> None:
    memory = Memory(sure_score=0.25)
    take(memory, FULL, found(INSIDE))
    memory.reset()
    assert boxes(take(memory, SKIPPED, None)) == []


def test_masks_of_both_looks_go_together() -> None:
    memory = Memory(sure_score=0.25)

    def masked(box: list[float]) -> Prediction:
        mask = np.empty(1, object)
        mask[0] = BoxMask(int(box[0]), int(box[1]), np.ones((40, 40), np.bool_))
        plain = found(box).detections
        return Prediction(Detections(plain.box_xyxy_px, plain.score, plain.class_id, mask=mask), None)

    take(memory, FULL, masked(OUTSIDE))
    mask = take(memory, PART, masked(INSIDE)).detections.mask
    assert mask is not None and [one.left_px for one in mask] == [200, 20]


def test_what_has_no_identity_is_shown_but_not_told_again() -> None:
    memory = Memory(sure_score=0.25)
    take(memory, FULL, found(INSIDE, OUTSIDE), identities=[1, None])
    assert memory.unsettled.tolist() == [INSIDE, OUTSIDE, OUTSIDE]
    told = memory.update(SKIPPED, None)
    assert boxes(told) == [INSIDE]
    everything = memory.keep(replace(told.detections, track_id=np.ma.MaskedArray([1], mask=[False])), None)
    assert everything.identities() == [1, None] and everything.box_xyxy_px.tolist() == [INSIDE, OUTSIDE]
    assert boxes(memory.update(PART, found(INSIDE))) == [INSIDE]
    assert memory.with_unconfirmed(everything[:1]).identities() == [1, None]
