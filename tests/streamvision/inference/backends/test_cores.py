from __future__ import annotations

import os
from pathlib import Path

import pytest

from streamvision.inference.backends import cores


@pytest.mark.parametrize(("quota", "expected"), [("max 100000", 8), ("150000 100000", 2), ("20000 100000", 1)])
def test_a_containers_quota_caps_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, expected: int
) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(quota + "\n", encoding="ascii")
    monkeypatch.setattr(cores, "_CGROUP_QUOTA", file)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert cores.usable_cores() == expected


@pytest.mark.parametrize(("usable", "expected"), [(1, 1), (2, 1), (8, 7)])
def test_one_core_stays_free_for_capture_and_encoding(
    monkeypatch: pytest.MonkeyPatch, usable: int, expected: int
) -> None:
    monkeypatch.setattr(cores, "usable_cores", lambda: usable)
    assert cores.network_threads(None) == expected


def test_the_users_word_counts() -> None:
    assert cores.network_threads(5) == 5


@pytest.mark.parametrize(
    ("usable", "requests", "threads", "expected"),
    [
        (1, None, None, (1, 1)),
        (2, None, None, (2, 1)),
        (8, None, None, (4, 2)),
        (2, 1, None, (1, 1)),
        (8, 1, None, (1, 7)),
        (8, 2, None, (2, 4)),
        (8, None, 3, (2, 3)),
        (2, None, 8, (1, 8)),
        (2, 6, 3, (6, 3)),
    ],
)
def test_cores_go_to_calls_first_and_what_is_given_stays(
    monkeypatch: pytest.MonkeyPatch,
    usable: int,
    requests: int | None,
    threads: int | None,
    expected: tuple[int, int],
) -> None:
    monkeypatch.setattr(cores, "usable_cores", lambda: usable)
    assert cores.share_cores(requests=requests, threads=threads) == expected


@pytest.mark.parametrize(
    ("usable", "requests", "threads", "expected"),
    [
        (1, None, None, (1, 1)),
        (2, None, None, (3, 1)),
        (4, None, None, (5, 1)),
        (8, None, None, (4, 2)),
        (2, 2, None, (2, 1)),
        (2, None, 2, (1, 2)),
    ],
)
def test_a_spare_call_is_added_where_each_core_has_one(
    monkeypatch: pytest.MonkeyPatch, usable: int, requests: int | None, threads: int | None, expected: tuple[int, int]
) -> None:
    monkeypatch.setattr(cores, "usable_cores", lambda: usable)
    assert cores.share_cores(requests=requests, threads=threads, spare=True) == expected


@pytest.mark.parametrize(
    ("usable", "count", "expected"),
    [
        ({0, 1}, 2, [{0}, {1}]),
        ({4, 5, 6, 7, 9}, 2, [{4, 5}, {6, 7, 9}]),
        ({0, 1}, 3, [set(), set(), set()]),
    ],
)
def test_processes_share_the_cores_out(
    monkeypatch: pytest.MonkeyPatch, usable: set[int], count: int, expected: list[set[int]]
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: usable, raising=False)
    assert cores.core_groups(count) == expected


def test_a_quota_below_the_processes_leaves_them_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(cores, "usable_cores", lambda: 1)
    assert cores.core_groups(2) == [frozenset(), frozenset()]
