"""Within a file time goes on from 0, whatever the camera's clock does."""

from __future__ import annotations

from fractions import Fraction

import pytest

from pipelines.capture.packets import EncodedPacket
from pipelines.recording.segment_times import SegmentTimes

TICK = Fraction(1, 1000)


def placed(stamps_ms: list[int | None], arrivals_s: list[float], *, earliest: int | None = None) -> list[int]:
    times = SegmentTimes(TICK, start_at_s=100.0, start_pts_s=Fraction(5), earliest=earliest)
    return [
        times.place(
            EncodedPacket(
                track=0, data=b"", pts=stamp, dts=stamp, duration=40, is_key=False, arrived_at_s=100.0 + arrival_s
            )
        )[1]
        for stamp, arrival_s in zip(stamps_ms, arrivals_s, strict=True)
    ]


def regular(count: int) -> list[float]:
    return [number * 0.04 for number in range(count)]


@pytest.mark.parametrize("jump_ms", [3_600_000, -3_600_000, 86_400_000 * 365, -300, 2500])
def test_a_clock_that_is_set_is_gone_on_from(jump_ms: int) -> None:
    stamps = [5000, 5040, 5080 + jump_ms, 5120 + jump_ms]
    assert placed(stamps, regular(4)) == [0, 40, 80, 120]


def test_packets_that_come_late_keep_their_own_times() -> None:
    assert placed([5000, 5040, 5080, 5120], [0, 0.04, 7.0, 7.01]) == [0, 40, 80, 120]


def test_a_gap_stays_a_gap() -> None:
    assert placed([5000, 5040, 15040], [0, 0.04, 10.04]) == [0, 40, 10040]


def test_times_never_fall() -> None:
    assert placed([5000, 5040, 5030, 5080], regular(4)) == [0, 40, 41, 80]


def test_without_times_arrival_counts() -> None:
    assert placed([None, None, None], [0, 0.1, 0.25]) == [0, 100, 250]


def test_sound_from_before_the_picture_begins_with_it() -> None:
    assert placed([4960, 4980, 5000, 5020], [0, 0, 0.01, 0.03], earliest=0) == [0, 1, 2, 20]


def test_sound_whose_clock_was_set_before_the_picture_is_placed_by_arrival() -> None:
    assert placed([3_605_000, 3_605_020], [0.01, 0.03], earliest=0) == [10, 30]


def test_pictures_that_are_held_back_keep_their_distance() -> None:
    times = SegmentTimes(TICK, start_at_s=0.0, start_pts_s=Fraction(5))
    given = [(5000, 4920), (5120, 4960), (5040, 5000)]
    packets = [
        EncodedPacket(track=0, data=b"", pts=pts, dts=dts, duration=40, is_key=False, arrived_at_s=0.04 * number)
        for number, (pts, dts) in enumerate(given)
    ]
    assert [times.place(packet) for packet in packets] == [(0, -80), (120, -40), (40, 0)]
