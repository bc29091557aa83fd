"""Which of several loaded forms of a model is the fastest, by pairs of short runs in turn.

Machines are rarely idle and change their pace, so no two figures are compared that were not measured one right after
the other: the best so far and its challenger run in turn, in changing order, and the median of the ratios decides. At
most two forms are loaded at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from statistics import median
from typing import Generic, Protocol, TypeVar

from streamvision.core.errors import StreamVisionError

MEASURING_S = 1.0
"""No further form is tried once so much time has gone into measuring."""
ALL_S = 5.0
"""No further form is loaded once so much time has passed, and the best so far stays where the last is undecided."""
MARGIN = 0.03
"""A challenger must be faster by so much; the best so far stays otherwise."""
LEAST_ROUNDS = 2
MOST_ROUNDS = 5
CLEAR = 0.1
"""Where every round so far says so much more or less than the margin, no further one is needed."""


class Loaded(Protocol):
    """A loaded form of a model."""

    def rate(self) -> float:
        """Run it for a moment and return pictures a second."""

    def close(self) -> None:
        """Release it."""


L = TypeVar("L", bound=Loaded)


@dataclass(frozen=True)
class Outcome(Generic[L]):
    """What a contest has come to."""

    best: L
    """The fastest form; all others are closed."""
    gain: float
    """How many times as fast as the first it is; 1 where it is the first."""
    tried: int
    """How many others it was measured against, those that failed meanwhile included."""


def contest(
    first: L, challengers: Iterable[Callable[[], L]], *, clock: Callable[[], float] = time.monotonic
) -> Outcome[L]:
    """Return the fastest form: the first, unless others are faster by more than the margin.

    Args:
        first: wins ties; loaded already.
        challengers: load the others, in the order in which they are tried. One that cannot be loaded or run is passed
            over.
        clock: seconds that pass.
    """
    best, gain, tried = first, 1.0, 0
    end_s, measured_s = clock() + ALL_S, 0.0
    try:
        for number, load in enumerate(challengers):
            if number and (measured_s >= MEASURING_S or clock() >= end_s):
                break
            with suppress(StreamVisionError), ExitStack() as opened:
                other = load()
                opened.callback(other.close)
                loaded_s, tried = clock(), tried + 1
                deadline_s = loaded_s + MEASURING_S - measured_s
                try:
                    ratio = compare(best, other, deadline_s=deadline_s, end_s=end_s, clock=clock)
                finally:
                    measured_s += clock() - loaded_s
                if ratio > 1 + MARGIN:
                    opened.pop_all()
                    best.close()
                    best, gain = other, gain * ratio
    except BaseException:
        best.close()
        raise
    return Outcome(best, gain, tried)


def compare(best: Loaded, other: Loaded, *, deadline_s: float, end_s: float, clock: Callable[[], float]) -> float:
    """Return how many times as fast ``other`` is, over as many rounds as it takes and the time allows.

    Args:
        best: the best so far.
        other: its challenger.
        deadline_s: after this moment of the clock no further round is begun than the least.
        end_s: after this one none at all; the challenger has lost where there were not enough.
        clock: seconds that pass.
    """
    ratios: list[float] = []
    while len(ratios) < LEAST_ROUNDS or (len(ratios) < MOST_ROUNDS and clock() < deadline_s):
        if clock() >= end_s:
            return 1.0
        if len(ratios) % 2:
            others, bests = other.rate(), best.rate()
        else:
            bests, others = best.rate(), other.rate()
        ratios.append(others / bests if bests > 0 else 1.0)
        is_clear = min(ratios) > 1 + MARGIN + CLEAR or max(ratios) < 1 + MARGIN - CLEAR
        if len(ratios) >= LEAST_ROUNDS and is_clear:
            break
    return median(ratios)
