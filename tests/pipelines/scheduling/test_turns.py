"""So many threads at a time compute; one that keeps its turn for long holds nobody up for ever."""

from __future__ import annotations

import threading

import pytest

from pipelines.scheduling import turns
from pipelines.scheduling.turns import Turns


@pytest.mark.parametrize(("cores", "at_once"), [(1, 1), (2, 1), (8, 4)])
def test_half_as_many_as_cores(monkeypatch: pytest.MonkeyPatch, cores: int, at_once: int) -> None:
    monkeypatch.setattr(turns, "usable_cores", lambda: cores)
    taken = Turns()
    inside = threading.Barrier(at_once + 1)
    done = threading.Event()
    late = threading.Event()

    def hold() -> None:
        with taken.taken():
            inside.wait(30)
            done.wait(30)

    def come_last() -> None:
        with taken.taken():
            late.set()

    holders = [threading.Thread(target=hold) for _ in range(at_once)]
    for thread in holders:
        thread.start()
    inside.wait(30)
    last = threading.Thread(target=come_last)
    last.start()
    assert not late.wait(0.2), "one more has to wait"
    done.set()
    assert late.wait(60)
    for thread in (*holders, last):
        thread.join(60)


def test_who_keeps_a_turn_holds_nobody_up_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "usable_cores", lambda: 2)
    monkeypatch.setattr(turns, "LONGEST_S", 0.05)
    taken = Turns()
    with taken.taken():
        thread = threading.Thread(target=lambda: taken.taken().__enter__())
        thread.start()
        thread.join(60)
        assert not thread.is_alive()
