"""Which layers stay in float: those that hurt most, as few as keep the figures within limits, in bounded time."""

from __future__ import annotations

import pytest

from exporters.base import FloatSearch
from exporters.float_layers import Error, Found, choose_in_float, error_of
from exporters.parity.verdict import Figure, ParityStage

HARM = {1: 0.30, 2: 0.02, 3: 0.25, 4: 0.01, 5: 0.03, 6: 0.20, 7: 0.01, 8: 0.02}
"""What each depth adds to the error when it is in 8 bits."""


def error(in_float: frozenset[int]) -> Error:
    total = sum(harm for depth, harm in HARM.items() if depth not in in_float)
    return Error(total, total)


def error_alone(depth: int) -> Error:
    return error(frozenset(HARM) - {depth})


@pytest.mark.parametrize(
    ("limit_share", "expected"), [(0.9, set()), (0.6, {1}), (0.3, {1, 3}), (0.1, {1, 3, 6}), (0.06, {1, 3, 5, 6})]
)
def test_as_few_depths_as_suffice_stay_in_float_those_that_hurt_most(limit_share, expected) -> None:
    found = choose_in_float([*HARM], error, error_alone, search=FloatSearch(60, limit_share))
    assert found.in_float == expected
    assert found.after == error(found.in_float)
    assert found.before == error(frozenset())


def test_where_the_limit_is_out_of_reach_the_best_that_was_tried_is_taken() -> None:
    floor = 0.5

    def stubborn(in_float: frozenset[int]) -> Error:
        return Error(max(floor, error(in_float).mean), max(floor, error(in_float).greatest))

    found = choose_in_float([*HARM], stubborn, error_alone, search=FloatSearch(60, 0.1))
    assert found.in_float == {1, 3}, "a third changes nothing any more"
    assert found.after.greatest == floor


def test_it_ends_in_time_and_what_was_not_tried_stays_in_8_bits() -> None:
    seconds = iter(range(1000))
    found = choose_in_float(
        [*HARM], error, error_alone, search=FloatSearch(6, 0.01), clock=lambda: float(next(seconds))
    )
    assert found.tried == 4, "a try a second, and 70 % of the time for trying one at a time"
    assert found.in_float <= {1, 2, 3, 4}
    assert 1 in found.in_float
    assert found.note([*HARM]).endswith("Time was for 4 of 8; --search-time gives more.")


def test_no_time_leaves_all_in_8_bits() -> None:
    seconds = iter(range(1000))
    found = choose_in_float(
        [*HARM], error, error_alone, search=FloatSearch(0, 0.01), clock=lambda: float(next(seconds))
    )
    assert not found.in_float
    over = Found(frozenset(), Error(3.0, 7.4), Error(3.0, 7.4), 0)
    assert over.note([*HARM]).endswith(
        "740% of the gate's limits are used on calibration pictures. Time was for 0 of 8; --search-time gives more."
    )


def test_progress_ends_where_it_said() -> None:
    seen: list[tuple[int, int]] = []
    search = FloatSearch(60, 0.1, on_progress=lambda done, total: seen.append((done, total)))
    choose_in_float([*HARM], error, error_alone, search=search)
    assert len({total for _, total in seen}) == 1
    assert seen[-1][0] == seen[-1][1]
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_the_error_is_how_much_of_each_limit_is_used() -> None:
    figures = (
        Figure("mean_iou", 0.96, 0.9, at_least=True),
        Figure("mean_score_difference", 0.03, 0.06),
        Figure("source_objects", 80.0),
    )
    one = error_of([ParityStage("decoded", figures)])
    assert (one.mean, one.greatest) == pytest.approx((0.45, 0.5))
    assert error_of([ParityStage("decoded", figures, ("all scores are constant",))]).greatest == 2.0
    assert error_of([ParityStage("result", (Figure("lost_share", 0.5, 0.1),))]) == Error(0.0, 0.0)


def test_the_note_says_which_depths_and_what_they_gain() -> None:
    depths = tuple(HARM)
    found = choose_in_float(depths, error, error_alone, search=FloatSearch(60, 0.3))
    assert found.note(depths) == (
        "Of 8 depths of the network those that hurt most stay in float (1, 3): on calibration pictures 29% of the "
        "gate's limits are used instead of 84%."
    )
    assert "No further layers" in choose_in_float(depths, error, error_alone, search=FloatSearch(60, 0.9)).note(depths)
