"""The pure rules of capture: back-off, capture clock, lag, timelines."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from pipelines.capture.ffmpeg.clock_rate import ClockRate
from pipelines.capture.reconnect import CAP_S, FIRST_DELAY_S, Backoff
from pipelines.capture.timing import CaptureClock, LagGuard, MonotonicPts, StreamTimeline


def test_backoff_doubles_up_to_its_cap_and_differs_from_stream_to_stream() -> None:
    first, second = Backoff(rng=random.Random(1)), Backoff(rng=random.Random(2))
    waits = [first.next_delay_s() for _ in range(12)]
    assert waits[0] == pytest.approx(FIRST_DELAY_S, rel=0.25)
    assert waits[3] == pytest.approx(8 * FIRST_DELAY_S, rel=0.25)
    assert all(0.7 * CAP_S < wait <= CAP_S for wait in waits[-3:])
    assert waits != [second.next_delay_s() for _ in range(12)]


def test_backoff_starts_afresh_after_a_stable_connection_only() -> None:
    backoff = Backoff(rng=random.Random(1))
    for _ in range(6):
        backoff.next_delay_s()
    backoff.note_live(1.0)
    assert backoff.next_delay_s() > 5
    backoff.note_live(11.0)
    assert backoff.next_delay_s() < 0.5


def test_queued_frames_count_their_wait_as_age() -> None:
    clock = CaptureClock()
    for n in range(100):
        assert clock.captured_at_s(n * 0.04, 1000 + n * 0.04) == pytest.approx(1000 + n * 0.04)
    # The decoder hangs for 2 s; what queued up is then read all at once.
    for n in range(100, 150):
        arrival_s = 1000 + 100 * 0.04 + 2.0
        assert clock.captured_at_s(n * 0.04, arrival_s) == pytest.approx(1000 + n * 0.04)


def test_capture_time_is_never_later_than_the_arrival() -> None:
    clock, rng = CaptureClock(), random.Random(3)
    for n in range(2000):
        arrival_s = n * 0.04 + rng.uniform(0, 0.03)
        assert clock.captured_at_s(n * 0.04, arrival_s) <= arrival_s + 1e-9


def test_a_drifting_clock_is_followed() -> None:
    clock = CaptureClock(window_s=10)
    slow = 1.001  # the source's clock loses a millisecond each second
    for n in range(25 * 600):
        age_s = n * 0.04 * slow - clock.captured_at_s(n * 0.04, n * 0.04 * slow)
    assert age_s < 0.02


@pytest.mark.parametrize("jump_s", [-500.0, +5000.0])
def test_a_jump_of_the_timestamps_makes_no_false_age(jump_s: float) -> None:
    clock = CaptureClock()
    for n in range(50):
        clock.captured_at_s(n * 0.04, n * 0.04)
    for n in range(50, 100):
        assert clock.captured_at_s(n * 0.04 + jump_s, n * 0.04) == pytest.approx(n * 0.04)


def rates(stamps_s: list[float], arrivals_s: list[float]) -> list[float]:
    judge = ClockRate()
    given = [judge.absurd_rate(*each) for each in zip(stamps_s, arrivals_s, strict=True)]
    return [rate for rate in given if rate is not None]


@pytest.mark.parametrize("rate", [0.0, 0.6, 1.6])
def test_a_clock_that_runs_at_the_wrong_rate_is_found_out(rate: float) -> None:
    assert rates([n * 0.04 * rate for n in range(1800)], [n * 0.04 for n in range(1800)]) == [pytest.approx(rate)]


def test_bursts_jitter_leaps_and_drift_are_no_rate() -> None:
    rng = random.Random(4)
    late_s = [n * 0.04 + rng.uniform(0, 1.5) for n in range(5000)]
    arrivals_s = [max(late_s[: n + 1][-50:]) for n in range(5000)]
    steady_s = [n * 0.04 for n in range(5000)]
    assert rates(steady_s, arrivals_s) == []
    assert rates([at_s * 1.001 for at_s in steady_s], steady_s) == []
    assert rates([at_s + 20 * min(at_s, 1.0) for at_s in steady_s], steady_s) == []  # 20 s at once, at the beginning
    stood_still_s = [max(at_s, 52.0) if at_s > 40 else at_s for at_s in steady_s]
    assert rates(steady_s, stood_still_s) == []
    assert rates([at_s + 3600 * (at_s // 40) for at_s in steady_s], steady_s) == []


def simulate(*, decode_s: float, seconds: float, gop: int, delay_s: float = 0.0) -> tuple[float, int, int]:
    """Return the largest age in the second half, and how many of how many frames of 25 fps were decoded."""
    guard, now_s, worst_s, decoded = LagGuard(), 0.0, 0.0, 0
    total = int(seconds * 25)
    for n in range(total):
        arrival_s = n * 0.04 + delay_s
        waited_s = max(arrival_s - now_s, 0.0)
        now_s = max(arrival_s, now_s) + 0.0002
        guard.observe(waited_s=waited_s, age_s=now_s - n * 0.04, now_s=now_s)
        if not guard.skips(n % gop == 0):
            now_s += decode_s
            decoded += 1
        if n > total / 2:
            worst_s = max(worst_s, now_s - arrival_s)
    return worst_s, decoded, total


@pytest.mark.parametrize("gop", [1, 25, 125])
def test_a_decoder_that_is_too_slow_skips_and_stays_near(gop: int) -> None:
    worst_s, decoded, total = simulate(decode_s=0.06, seconds=120, gop=gop)
    assert worst_s < 2.0
    assert decoded > total / 4


def test_a_decoder_that_keeps_up_decodes_everything() -> None:
    worst_s, decoded, total = simulate(decode_s=0.03, seconds=60, gop=25)
    assert decoded == total
    assert worst_s < 0.1


def test_a_slow_network_is_not_taken_for_a_slow_decoder() -> None:
    _, decoded, total = simulate(decode_s=0.01, seconds=60, gop=25, delay_s=3.0)
    assert decoded == total


def test_timestamps_always_grow() -> None:
    pts = MonotonicPts(0.04)
    given = [5.0, 5.04, 5.02, None, 5.13, 0.0, 0.04, None]
    times = [pts.next_s(raw) for raw in given]
    assert times == pytest.approx([5.0, 5.04, 5.05, 5.09, 5.13, 5.17, 5.21, 5.25])


def test_a_step_back_is_the_end_of_the_count_only_where_the_count_ends() -> None:
    pts = MonotonicPts(0.04, wraps_at_s=100_000.0)
    # Ends of the count as they are and as FFmpeg continues them; then a real step back that it takes for an end.
    given = [99_999.96, 0.0, 100_000.04, 0.08, 7200.0, 7200.04, 100_000.0 + 3600.0, 3600.04]
    times = [pts.next_s(raw) for raw in given]
    gap_s = 7200.0 - 0.08
    steps = [0.04, 0.04, 0.04, gap_s, 0.04, 0.04, 0.04]
    assert [after - before for before, after in pairwise(times)] == pytest.approx(steps)
    negative = MonotonicPts(0.04, wraps_at_s=100_000.0)
    assert [negative.next_s(raw) for raw in (-0.04, 0.0)] == pytest.approx([99_999.96, 100_000.0])


@pytest.mark.parametrize(
    ("leap_s", "passed_s", "live", "step_s"),
    [
        (7200.0, 0.04, True, 0.04),
        (3.0, 0.04, True, 0.04),
        (1.5, 0.04, True, 1.54),
        (60.0, 60.04, True, 60.04),
        (-7200.0, 0.04, True, 0.04),
        (-7200.0, 1.8, True, 1.8),
        (7200.0, 0.04, False, 7200.04),
        (-7200.0, 0.04, False, 0.04),
    ],
)
def test_a_live_clock_is_believed_as_far_as_arrival_confirms_it(
    leap_s: float, passed_s: float, live: bool, step_s: float
) -> None:
    timeline = StreamTimeline()
    for n in range(10):
        before_s = timeline.stream_pts_s(n * 0.04, 100 + n * 0.04, live=live)
    arrival_s = 100 + 0.36 + passed_s
    after_s = timeline.stream_pts_s(0.40 + leap_s, arrival_s, live=live)
    assert after_s - before_s == pytest.approx(step_s)
    assert timeline.stream_pts_s(0.44 + leap_s, arrival_s + 0.04, live=live) - after_s == pytest.approx(0.04)


def test_a_burst_after_a_silence_is_no_leap() -> None:
    clock, timeline = CaptureClock(), StreamTimeline()
    arrivals_s = [n * 0.04 if n < 10 else max(n * 0.04, 1.9) for n in range(100)]
    times = [
        timeline.stream_pts_s(n * 0.04, clock.captured_at_s(n * 0.04, at_s), live=True)
        for n, at_s in enumerate(arrivals_s)
    ]
    assert times == pytest.approx([n * 0.04 for n in range(100)])


def test_a_reconnect_takes_as_long_in_the_stream_as_it_did() -> None:
    timeline = StreamTimeline()
    assert timeline.stream_pts_s(7.0, 100.0) == 7.0
    timeline.reconnected()
    assert timeline.stream_pts_s(0.0, 104.0) == pytest.approx(11.0)
    assert timeline.stream_pts_s(0.04, 104.04) == pytest.approx(11.04)
