"""When packets are shown: times that leap, wrap, are missing or come twice."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from pipelines.live_video.packet_clock import PacketClock

FRAME_S = 0.04


def times(packets: list[tuple[float | None, float | None, float]]) -> list[int]:
    """Return the times that a clock gives to (pts, dts, arrival) in turn."""
    clock = PacketClock()
    return [clock.picture_us(*one) for one in packets]


def test_times_of_a_source_that_keeps_its_clock_are_its_own() -> None:
    order = [0, 3, 1, 2, 6, 4, 5]
    given = [(10 + shown * FRAME_S, 10 + (at - 1) * FRAME_S, 100 + at * FRAME_S) for at, shown in enumerate(order)]
    assert times(given) == [10_000_000 + shown * 40_000 for shown in order]


@pytest.mark.parametrize("leap_s", [-1000.0, -95443.7, 3600.0, 5.0])
def test_a_clock_that_leaps_goes_on_where_it_was(leap_s: float) -> None:
    given = [(at * FRAME_S + leap_s * (at >= 50),) * 2 + (100 + at * FRAME_S,) for at in range(100)]
    shown = times(given)
    steps = [after - before for before, after in pairwise(shown)]
    assert all(abs(step - 40_000) <= 1 for step in steps)


def test_a_gap_of_the_source_is_a_gap() -> None:
    given = [(at * FRAME_S + 7.0 * (at >= 5),) * 2 + (100 + at * FRAME_S + 7.0 * (at >= 5),) for at in range(10)]
    assert times(given) == [round(one[0] * 1e6) for one in given]


def test_without_times_those_of_arrival_count_also_from_the_middle_on() -> None:
    arrived = [100 + at * FRAME_S for at in range(60)]
    untimed = times([(None, None, at_s) for at_s in arrived])
    assert [one - untimed[0] for one in untimed] == [round(at * 40_000) for at in range(60)]
    mixed = times([(at * FRAME_S if at < 30 else None, None, at_s) for at, at_s in enumerate(arrived)])
    assert [one - mixed[0] for one in mixed] == pytest.approx([at * 40_000 for at in range(60)], abs=2)
    again = times([(None if at < 30 else at * FRAME_S, None, at_s) for at, at_s in enumerate(arrived)])
    assert [one - again[0] for one in again] == pytest.approx([at * 40_000 for at in range(60)], abs=2)


def test_no_two_pictures_have_one_time_whatever_a_source_says() -> None:
    chance = random.Random(1)
    for _ in range(50):
        given = [
            (
                chance.choice([None, 1.0, chance.uniform(0, 2)]),
                chance.choice([None, 1.0, chance.uniform(0, 2)]),
                100 + at * chance.choice([0.0, 0.001]),
            )
            for at in range(100)
        ]
        assert len(set(times(given))) == 100


def test_times_that_no_browser_tells_apart_are_not_believed() -> None:
    shown = times([(1e14 + at * FRAME_S, 1e14 + at * FRAME_S, 100 + at * FRAME_S) for at in range(20)])
    assert max(shown) < 1 << 52
    assert [after - before for before, after in pairwise(shown)] == pytest.approx([40_000] * 19, abs=2)


@pytest.mark.parametrize("fps", [2, 5, 25])
def test_pictures_that_are_shown_in_another_order_keep_theirs_however_few_they_are(fps: int) -> None:
    numbers = [0, *(3 * group + place for group in range(6) for place in (3, 1, 2))]
    shown = times([(number / fps, None, 100 + at / fps) for at, number in enumerate(numbers)])
    assert [one - shown[0] for one in shown] == pytest.approx([number * 1e6 / fps for number in numbers], abs=2)


def test_sound_goes_by_the_clock_of_the_pictures() -> None:
    clock = PacketClock()
    assert clock.sound_us(1.0) is None
    clock.picture_us(1.0, 1.0, 100.0)
    assert clock.sound_us(1.5) == 1_500_000
    clock.picture_us(901.0, 901.0, 100.04)
    assert clock.sound_us(901.0) == pytest.approx(1_040_000, abs=2)
    assert clock.sound_us(None) is None
