"""What a stream's network is shown, frame by frame, and what is known of the frames that it is not shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.stages.adaptive import AdaptiveInference, Budget
from pipelines.stages.tracking import Tracker, create_tracker
from pipelines.stages.tracking.stage import Tracking
from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.inference_plan import InferencePlan
from streamvision.core.picture import YuvPicture
from streamvision.inference.model_card import InputCard, ModelCard
from support.moving_square import SQUARE_PX, scene

FPS = 25
FREE = InputCard(width_px=640, height_px=640, dynamic_size=True)


def adaptive(
    input_card: InputCard = FREE, *, task: str = "detect", budget: Budget | None = None, tracker: Tracker | None = None
) -> AdaptiveInference:
    card = ModelCard.model_validate({"head": "yolo_v8", "names": ("square",), "input": input_card, "task": task})
    return AdaptiveInference(card, refresh_s=2.0, sure_score=0.25, budget=budget, tracker=tracker)


def complete(one: AdaptiveInference, plan: InferencePlan, shown: Frame, seen: Detections | None) -> Result:
    """Return the result of a frame before the tracker, where the network saw this."""
    result = Result(shown, Detections.empty() if seen is None else seen, plan=plan)
    one.complete(result)
    return result


def frame(number: int, square_xy_px: tuple[int, int] | None, *, segment: int = 0) -> Frame:
    return Frame("gate", number, number / FPS, 0.0, scene(square_xy_px, noise=2, seed=number), segment)


def found(square_xy_px: tuple[int, int] | None) -> Detections:
    if square_xy_px is None:
        return Detections.empty()
    box = np.array([[*square_xy_px, square_xy_px[0] + SQUARE_PX, square_xy_px[1] + SQUARE_PX]], np.float32)
    return Detections(box, np.full(1, 0.9, np.float32), np.zeros(1, np.int32))


def watch(one: AdaptiveInference, places: list[tuple[int, int] | None]) -> list[InferencePlan]:
    """Show the stream these frames, with a network that sees the square wherever it is."""
    plans = []
    for number, place in enumerate(places):
        shown = frame(number, place)
        plans.append(one.plan(shown))
        one.learn(complete(one, plans[-1], shown, found(place)))
    return plans


def test_a_still_camera_is_inferred_now_and_then() -> None:
    kinds = [plan.kind for plan in watch(adaptive(), [None] * 101)]
    assert kinds.count("full") == 3 and [kinds.index("full"), *(n for n in (50, 100) if kinds[n] == "full")] == [
        0,
        50,
        100,
    ]
    assert kinds.count("skipped") == 98


def test_what_moves_is_followed_by_small_parts() -> None:
    one = adaptive()
    plans = watch(one, [None] * 5 + [(100 + 8 * step, 100) for step in range(20)])
    parts = plans[5:]
    assert {plan.kind for plan in parts} == {"partial"}
    assert all(plan.window is not None and plan.size is not None and plan.size[0] <= 192 for plan in parts)
    for step, plan in enumerate(parts):
        assert plan.window is not None
        assert plan.window.left <= 100 + 8 * step and plan.window.right >= 100 + 8 * step + SQUARE_PX
    assert one.status().share < 0.3
    assert one.status().plans == {"full": 1, "partial": 20, "skipped": 4, "predicted": 0}


@pytest.mark.parametrize("size_px", [(641, 361), (639, 359), (175, 98), (147, 82), (16, 16), (32, 20)])
def test_what_stays_at_the_edge_of_a_picture_of_any_size_is_seen_once(size_px: tuple[int, int]) -> None:
    width_px, height_px = size_px
    empty = np.random.default_rng(1).integers(60, 90, (height_px, width_px), np.uint8)
    chroma = np.full((-(-height_px // 2), -(-width_px // 2)), 128, np.uint8)
    corner = empty.copy()
    corner[-max(height_px // 15, 2) :, -max(width_px // 15, 2) :] = 220
    one, kinds = adaptive(), []
    for number, luma in enumerate([empty, *[corner] * 4]):
        picture = YuvPicture(luma, chroma, chroma, full_range=True)
        shown = Frame("gate", number, number / FPS, 0.0, picture)
        plan = one.plan(shown)
        complete(one, plan, shown, None)
        kinds.append(plan.kind)
    assert kinds[1] in ("partial", "full") and kinds[2:] == ["skipped"] * 3


def test_a_skipped_frame_has_what_was_found_before() -> None:
    one = adaptive()
    watch(one, [(100, 100)] * 10)
    plan = one.plan(frame(10, (100, 100)))
    assert plan.kind == "skipped"
    known = complete(one, plan, frame(10, (100, 100)), None)
    assert known.detections.box_xyxy_px.tolist() == [[100, 100, 148, 148]]


def test_an_object_that_comes_is_inferred_once_more() -> None:
    kinds = [plan.kind for plan in watch(adaptive(), [None] * 5 + [(100, 100)] * 10)]
    assert kinds[5:7] == ["partial", "partial"]
    assert set(kinds[8:]) == {"skipped"}


def test_an_unconfirmed_object_is_inferred_for_a_while() -> None:
    one, kinds = adaptive(), []
    for number in range(40):
        place = (100, 100) if number >= 5 else None
        plan = one.plan(frame(number, place))
        kinds.append(plan.kind)
        result = complete(one, plan, frame(number, place), found(place))
        count = len(result.detections)
        nobody = np.ma.MaskedArray(np.zeros(count, np.int64), mask=np.ones(count, np.bool_))
        result.detections = replace(result.detections, track_id=nobody)
        one.learn(result)
        assert len(result.detections) == (place is not None)
    assert set(kinds[5:20]) == {"partial"}, "for 0.6 s"
    assert set(kinds[22:]) == {"skipped"}


def test_a_known_object_on_its_way_is_predicted_in_between() -> None:
    tracker = create_tracker(TrackerConfig(), score=0.25)
    assert tracker is not None
    one, tracking = adaptive(tracker=tracker), Tracking(tracker, ("square",))
    kinds = []
    for number in range(50):
        place = (100 + number, 100)
        plan = one.plan(frame(number, place))
        kinds.append(plan.kind)
        result = complete(one, plan, frame(number, place), found(place))
        tracking.process(result)
        one.learn(result)
        if plan.kind == "predicted":
            (box,) = result.detections.box_xyxy_px
            assert np.abs(box[:2] - place).max() <= 5
    assert kinds.count("predicted") > 15 and kinds.count("partial") > 10


def test_a_reconnect_begins_with_a_full_frame() -> None:
    one = adaptive()
    watch(one, [None] * 5)
    plan = one.plan(frame(5, None, segment=1))
    assert plan.kind == "full"


@pytest.mark.parametrize(
    "one",
    [adaptive(InputCard(width_px=640, height_px=640)), adaptive(task="semantic")],
    ids=["fixed size", "whole-picture task"],
)
def test_where_parts_cannot_be_inferred_a_change_is_a_full_frame(one: AdaptiveInference) -> None:
    kinds = [plan.kind for plan in watch(one, [None] * 5 + [(100, 100)])]
    assert kinds == ["full", *["skipped"] * 4, "full"]


def test_without_budget_left_a_change_is_predicted() -> None:
    one = adaptive(budget=Budget(0.5))
    kinds = [plan.kind for plan in watch(one, [(4 * step, 100) for step in range(40)])]
    assert kinds[0] == "full" and kinds.count("predicted") > 30
