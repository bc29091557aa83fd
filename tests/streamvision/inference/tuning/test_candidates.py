from __future__ import annotations

import pytest

from streamvision.inference.tuning.candidates import MOST_REQUESTS, Goal, baseline, candidates

BOTH = frozenset({"requests", "threads"})


@pytest.mark.parametrize(
    ("cores", "requests", "threads", "goal", "first", "others"),
    [
        (2, None, None, "throughput", (1, 2), {(2, 1), (3, 1), (1, 1)}),
        (2, None, None, "latency", (1, 2), {(1, 1)}),
        (4, None, None, "throughput", (1, 4), {(4, 1), (2, 2), (5, 1), (1, 2), (1, 3)}),
        (8, None, None, "latency", (1, 8), {(1, 4), (1, 7)}),
        (8, None, 2, "throughput", (1, 2), {(4, 2), (2, 2), (8, 2)}),
        (4, None, 1, "throughput", (1, 1), {(4, 1), (2, 1), (5, 1)}),
        (8, 2, None, "throughput", (2, 4), {(2, 2), (2, 3)}),
    ],
)
def test_the_cores_are_shared_out_in_several_ways(
    cores: int,
    requests: int | None,
    threads: int | None,
    goal: Goal,
    first: tuple[int, int],
    others: set[tuple[int, int]],
) -> None:
    assert baseline(cores, requests=requests, threads=threads) == first
    found = candidates(cores, requests=requests, threads=threads, free=BOTH, goal=goal)
    assert set(found) == others
    assert len(found) == len(others)


def test_as_many_calls_as_cores_come_first_where_throughput_counts() -> None:
    assert candidates(4, requests=None, threads=None, free=BOTH, goal="throughput")[0] == (4, 1)
    spare = candidates(4, requests=None, threads=None, free=BOTH, goal="throughput", spare=True)
    assert spare[:2] == [(5, 1), (4, 1)]


@pytest.mark.parametrize("goal", ["latency", "throughput"])
def test_there_is_nothing_to_choose_on_one_core_nor_beside_what_is_given(goal: Goal) -> None:
    assert candidates(1, requests=None, threads=None, free=BOTH, goal=goal) == []
    assert candidates(8, requests=2, threads=2, free=BOTH, goal=goal) == []
    assert candidates(8, requests=None, threads=None, free=(), goal=goal) == []


def test_a_runtime_of_one_call_at_a_time_has_threads_only() -> None:
    found = candidates(8, requests=None, threads=None, free={"threads"}, goal="throughput")
    assert set(found) == {(1, 4), (1, 7)}


def test_calls_have_a_bound() -> None:
    found = candidates(64, requests=None, threads=None, free=BOTH, goal="throughput")
    assert max(share.requests for share in found) == MOST_REQUESTS
    assert all(share.requests * share.threads <= 64 for share in found)
