"""What a stream's network is shown, frame by frame, and what is known of the frames that it is not shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.stages.adaptive import AdaptiveInference, Budget
from streamvision.core.inference_plan import InferencePlan
from pipelines.stages.tracking import create_tracker
from streamvision.core.config.app import TrackerConfig
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame
from streamvision.core.picture import YuvPicture
from streamvision.inference.model import Prediction
from streamvision.inference.model_card import InputCard, ModelCard
from support.moving_square import SQUARE_PX, scene

FPS = 25
FREE = InputCard(width_px=640, height_px=640, dynamic_size=True)


def effort(input_card: InputCard = FREE, *, task: str = "detect", budget: Budget | None = None) -> AdaptiveInference:
    card = ModelCard.model_validate({"head": "yolo_v8", "names": ("square",), "input": input_card, "task": task})
    return AdaptiveInference(card, refresh_s=2.0, sure_score=0.25, budget=budget)


def frame(number: int, square_xy_px: tuple[int, int] | None, *, segment: int = 0) -> Frame:
    return Frame("gate", number, number / FPS, 0.0, scene(square_xy_px, noise=2, seed=number), segment)


def found(square_xy_px: tuple[int, int] | None) -> Prediction:
    if square_xy_px is None:
        return Prediction(Detections.empty(), None)
    box = np.array([[*square_xy_px, square_xy_px[0] + SQUARE_PX, square_xy_px[1] + SQUARE_PX]], np.float32)
    return Prediction(Detections(box, np.full(1, 0.9, np.float32), np.zeros(1, np.int32)), None)


def watch(one: AdaptiveInference, places: list[tuple[int, int] | None]) -> list[InferencePlan]:
    """Show the stream these frames, with a network that sees the square wherever it is."""
    looks = []
    for number, place in enumerate(places):
        looks.append(one.decide(frame(number, place)))
        known = one.complete(looks[-1], found(place) if looks[-1].uses_network else None, new_segment=False)
        one.follow(looks[-1], known, None, frame(number, place))
    return looks


def test_a_still_camera_is_looked_at_now_and_then() -> None:
    kinds = [look.kind for look in watch(effort(), [None] * 101)]
    assert kinds.count("whole") == 3 and [kinds.index("whole"), *(n for n in (50, 100) if kinds[n] == "whole")] == [
        0,
        50,
        100,
    ]
    assert kinds.count("still") == 98


def test_what_moves_is_followed_by_small_parts() -> None:
    one = effort()
    looks = watch(one, [None] * 5 + [(100 + 8 * step, 100) for step in range(20)])
    parts = looks[5:]
    assert {look.kind for look in parts} == {"part"}
    assert all(look.window is not None and look.size is not None and look.size[0] <= 192 for look in parts)
    for step, look in enumerate(parts):
        assert look.window is not None
        assert look.window.left <= 100 + 8 * step and look.window.right >= 100 + 8 * step + SQUARE_PX
    assert one.status().share < 0.3
    assert one.status().looks == {"whole": 1, "part": 20, "still": 4, "carried": 0}


@pytest.mark.parametrize("size_px", [(641, 361), (639, 359), (175, 98), (147, 82), (16, 16), (32, 20)])
def test_what_stays_at_the_edge_of_a_picture_of_any_size_is_seen_once(size_px: tuple[int, int]) -> None:
    width_px, height_px = size_px
    empty = np.random.default_rng(1).integers(60, 90, (height_px, width_px), np.uint8)
    chroma = np.full((-(-height_px // 2), -(-width_px // 2)), 128, np.uint8)
    corner = empty.copy()
    corner[-max(height_px // 15, 2) :, -max(width_px // 15, 2) :] = 220
    one, kinds = effort(), []
    for number, luma in enumerate([empty, *[corner] * 4]):
        picture = YuvPicture(luma, chroma, chroma, full_range=True)
        look = one.decide(Frame("gate", number, number / FPS, 0.0, picture))
        one.complete(look, found(None) if look.uses_network else None, new_segment=False)
        kinds.append(look.kind)
    assert kinds[1] in ("part", "whole") and kinds[2:] == ["still"] * 3


def test_a_still_frame_has_what_the_last_look_found() -> None:
    one = effort()
    watch(one, [(100, 100)] * 10)
    look = one.decide(frame(10, (100, 100)))
    assert look.kind == "still"
    known = one.complete(look, None, new_segment=False)
    assert known.detections.box_xyxy_px.tolist() == [[100, 100, 148, 148]]


def test_who_has_come_is_confirmed_by_one_more_look() -> None:
    kinds = [look.kind for look in watch(effort(), [None] * 5 + [(100, 100)] * 10)]
    assert kinds[5:7] == ["part", "part"]
    assert set(kinds[8:]) == {"still"}


def test_who_has_no_identity_yet_is_looked_at_for_a_while() -> None:
    one, kinds = effort(), []
    for number in range(40):
        place = (100, 100) if number >= 5 else None
        look = one.decide(frame(number, place))
        kinds.append(look.kind)
        known = one.complete(look, found(place) if look.uses_network else None, new_segment=False)
        count = len(known.detections)
        nobody = np.ma.MaskedArray(np.zeros(count, np.int64), mask=np.ones(count, np.bool_))
        told = Prediction(replace(known.detections, track_id=nobody), None)
        assert len(one.follow(look, told, None, frame(number, place))) == (place is not None)
    assert set(kinds[5:20]) == {"part"}, "for 0.6 s"
    assert set(kinds[22:]) == {"still"}


def test_a_known_object_on_its_way_is_carried_on_in_between() -> None:
    one, tracker = effort(), create_tracker(TrackerConfig(), score=0.25)
    assert tracker is not None
    kinds = []
    for number in range(50):
        place = (100 + number, 100)
        look = one.decide(frame(number, place))
        kinds.append(look.kind)
        known = one.complete(look, found(place) if look.uses_network else None, new_segment=False)
        if look.kind == "predicted":
            carried = tracker.carry(pts_s=number / FPS, picture_px=(640, 360))
            (box,) = one.follow(look, Prediction(carried, None), tracker, frame(number, place)).box_xyxy_px
            assert np.abs(box[:2] - place).max() <= 5
        else:
            tracked = tracker.update(known.detections, pts_s=number / FPS)
            one.follow(look, Prediction(tracked, None), tracker, frame(number, place))
    assert kinds.count("carried") > 15 and kinds.count("part") > 10


def test_a_reconnect_begins_with_a_look_at_the_whole() -> None:
    one = effort()
    watch(one, [None] * 5)
    look = one.decide(frame(5, None, segment=1))
    assert look.kind == "whole"


@pytest.mark.parametrize(
    "one",
    [effort(InputCard(width_px=640, height_px=640)), effort(task="semantic")],
    ids=["fixed size", "whole-picture task"],
)
def test_where_parts_cannot_be_seen_a_change_is_a_look_at_the_whole(one: AdaptiveInference) -> None:
    kinds = [look.kind for look in watch(one, [None] * 5 + [(100, 100)])]
    assert kinds == ["whole", *["still"] * 4, "whole"]


def test_without_budget_left_a_change_is_carried() -> None:
    one = effort(budget=Budget(0.5))
    kinds = [look.kind for look in watch(one, [(4 * step, 100) for step in range(40)])]
    assert kinds[0] == "whole" and kinds.count("carried") > 30
