from __future__ import annotations

from collections.abc import Callable

import pytest

from streamvision.core.errors import ModelError
from streamvision.inference.tuning.contest import ALL_S, LEAST_ROUNDS, MARGIN, MEASURING_S, MOST_ROUNDS, contest


class Hall:
    """Loaded forms whose rates are given, on a clock that only they advance."""

    def __init__(self, *, seconds_each: float = 0.1, pace: Callable[[int], float] = lambda count: 1.0) -> None:
        self.now_s = 0.0
        self.seconds_each = seconds_each
        self.pace = pace
        self.measured: list[str] = []
        self.closed: list[str] = []
        self.open = 0

    def clock(self) -> float:
        return self.now_s

    def load(self, name: str, rate: float, *, seconds: float = 0.0, fails: bool = False) -> Form:
        self.now_s += seconds
        if fails:
            raise ModelError(f"{name} cannot be loaded; give another")
        self.open += 1
        return Form(self, name, rate)


class Form:
    def __init__(self, hall: Hall, name: str, its_rate: float) -> None:
        self.hall, self.name, self.its_rate = hall, name, its_rate

    def rate(self) -> float:
        hall = self.hall
        hall.now_s += hall.seconds_each
        hall.measured.append(self.name)
        return self.its_rate * hall.pace(len(hall.measured))

    def close(self) -> None:
        self.hall.open -= 1
        self.hall.closed.append(self.name)


def held(hall: Hall, first: float, *others: float) -> tuple[str, float, int]:
    forms = [lambda number=number, rate=rate: hall.load(str(number), rate) for number, rate in enumerate(others, 1)]
    outcome = contest(hall.load("0", first), forms, clock=hall.clock)
    assert hall.open == 1
    assert outcome.best.name not in hall.closed
    return outcome.best.name, round(outcome.gain, 3), outcome.tried


def test_the_fastest_wins_and_all_others_are_closed() -> None:
    hall = Hall(seconds_each=0.01)
    assert held(hall, 10, 12, 11, 15) == ("3", 1.5, 3)
    assert hall.closed == ["0", "2", "1"]


@pytest.mark.parametrize("rate", [10.0, 10 * (1 + MARGIN), 9.0, 0.0])
def test_the_first_wins_ties(rate: float) -> None:
    assert held(Hall(), 10, rate) == ("0", 1.0, 1)


def test_nothing_is_compared_across_a_change_of_the_machines_pace() -> None:
    hall = Hall(pace=lambda count: 1 / count)  # it gets slower and slower, so that who runs first looks better
    assert held(hall, 10, 10)[0] == "0"
    assert hall.measured[:4] == ["0", "1", "1", "0"]


def test_a_clear_lead_needs_no_further_round() -> None:
    hall = Hall()
    held(hall, 10, 20)
    assert len(hall.measured) == 2 * LEAST_ROUNDS
    close = Hall(seconds_each=0.01)
    held(close, 10, 10.5)
    assert len(close.measured) == 2 * MOST_ROUNDS


def test_no_further_form_is_tried_once_the_time_is_used() -> None:
    hall = Hall(seconds_each=MEASURING_S)
    assert held(hall, 10, 12, 15) == ("1", 1.2, 1)


def test_loading_has_a_bound_too() -> None:
    hall = Hall(seconds_each=0.01)
    first = hall.load("0", 10)
    slow = [lambda: hall.load("1", 12, seconds=ALL_S - 1), lambda: hall.load("2", 15, seconds=2)]
    assert contest(first, slow, clock=hall.clock).best.name == "1"
    assert hall.open == 1


def test_the_best_so_far_stays_where_there_is_no_time_to_compare() -> None:
    assert held(Hall(seconds_each=ALL_S), 10, 20) == ("0", 1.0, 1)


def test_a_form_that_cannot_be_loaded_is_passed_over() -> None:
    hall = Hall()
    others = [lambda: hall.load("1", 20, fails=True), lambda: hall.load("2", 15)]
    outcome = contest(hall.load("0", 10), others, clock=hall.clock)
    assert (outcome.best.name, outcome.tried, hall.open) == ("2", 1, 1)


def test_nothing_stays_open_where_the_machine_breaks() -> None:
    hall = Hall()

    def broken() -> Form:
        raise MemoryError

    with pytest.raises(MemoryError):
        contest(hall.load("0", 10), [broken], clock=hall.clock)
    assert hall.open == 0


def test_forms_that_hang_or_fail_take_their_time_once() -> None:
    """One that does not answer is given up after a minute; the others would most likely do the same."""

    class Hanging(Form):
        def rate(self) -> float:
            super().rate()
            raise ModelError("it has not answered for 60 s")

    hall = Hall(seconds_each=60.0)
    loaded: list[str] = []

    def hanging(name: str) -> Form:
        loaded.append(name)
        hall.open += 1
        return Hanging(hall, name, 1.0)

    def unloadable() -> Form:
        loaded.append("unloadable")
        return hall.load("unloadable", 1.0, seconds=60.0, fails=True)

    first = hall.load("0", 10)
    assert contest(first, [lambda: hanging("1"), lambda: hanging("2")], clock=hall.clock).best is first
    assert contest(first, [unloadable, lambda: hanging("3")], clock=hall.clock).best is first
    assert loaded == ["1", "unloadable"]
    assert hall.open == 1
