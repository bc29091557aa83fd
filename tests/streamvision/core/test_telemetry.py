"""Bounded, and right."""

from __future__ import annotations

import pickle

import pytest

from streamvision.core.telemetry import BUCKETS_S, Distribution, DropCounter, Rate, StageTimes


def test_quantiles_are_of_the_newest_samples_only() -> None:
    samples = Distribution(capacity=100)
    assert samples.quantiles() is None
    for value in range(1000):
        samples.add(value)
    quantiles = samples.quantiles()
    assert quantiles is not None
    assert quantiles["p50"] == pytest.approx(949.5)
    assert samples.count == 1000
    assert samples.total == sum(range(1000))


def test_a_rate_falls_to_zero_when_events_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now_s)
    rate = Rate(window_s=2.0)
    assert rate.per_second() == 0.0
    for _ in range(11):
        rate.tick()
        now_s += 0.1
    assert rate.per_second() == pytest.approx(10 / 1.1)
    now_s += 5
    assert rate.per_second() == 0.0


def test_a_stage_that_fails_is_timed_all_the_same() -> None:
    times = StageTimes()
    with pytest.raises(KeyError), times.measure("decode"):
        raise KeyError
    assert times.distributions()["decode"].count == 1


def test_drops_are_counted_by_cause() -> None:
    drops = DropCounter()
    drops.add("newer_frame")
    drops.add("decode_behind", 4)
    drops.add("newer_frame")
    assert drops.by_cause() == {"newer_frame": 2, "decode_behind": 4}


def test_a_histogram_counts_every_sample_however_long_ago() -> None:
    samples = Distribution(capacity=8)
    values = [0.0005, 0.001, 0.002, 0.04, 0.3, 100.0] * 7
    for number, value in enumerate(values):
        samples.add(value)
        if number % 5 == 0:
            samples.histogram()
    found = samples.histogram()
    assert found.cumulative == tuple(sum(value <= bound for value in values) for bound in (*BUCKETS_S, float("inf")))
    assert found.total == pytest.approx(sum(values))
    assert Distribution().histogram().cumulative == (0,) * (len(BUCKETS_S) + 1)


def test_a_histogram_crosses_processes_and_is_merged() -> None:
    samples = Distribution(capacity=4)
    for value in (0.01, 0.2) * 5:
        samples.add(value)
    copy = pickle.loads(pickle.dumps(samples))
    copy.add(0.01)
    merged = Distribution.merged([samples, copy])
    assert merged.histogram().cumulative[-1] == 21
    assert merged.histogram().cumulative[BUCKETS_S.index(0.01)] == 11
