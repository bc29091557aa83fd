"""What is wrong with the files of a data set, bounded: of a million broken rows a thousand say as much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from streamvision.datasets.dataset import Problem, ProblemKind

MAX_OF_KIND = 1000
"""Problems of one kind that are told; of the others it is told how many there are."""
EVERY_PICTURE: frozenset[ProblemKind] = frozenset({"unlabelled_picture"})
"""Kinds of which a set has at most one a picture, and which say what may be labelled."""


class Problems:
    """Gathers problems: the first :data:`MAX_OF_KIND` of a kind, and behind all of them how many more there are.

    Args:
        given: those that are known already; some may say how many more there are themselves.
        whole: kinds of which all are kept.
    """

    def __init__(self, given: Iterable[Problem] = (), *, whole: frozenset[ProblemKind] = frozenset()) -> None:
        self._whole = whole
        self._kept: list[Problem] = []
        self._of_kind = Counter[ProblemKind]()
        self._more: dict[ProblemKind, tuple[Path, int]] = {}
        self.extend(given)

    def append(self, problem: Problem) -> None:
        """Take one in."""
        if problem.times == 1 and (problem.kind in self._whole or self._of_kind[problem.kind] < MAX_OF_KIND):
            self._kept.append(problem)
            self._of_kind[problem.kind] += 1
            return
        path, times = self._more.get(problem.kind, (problem.path, 0))
        self._more[problem.kind] = path, times + problem.times

    def extend(self, problems: Iterable[Problem]) -> None:
        """Take several in."""
        for problem in problems:
            self.append(problem)

    @property
    def first(self) -> Problem | None:
        """The first of all."""
        return next(iter(self._kept), None)

    def __iter__(self) -> Iterator[Problem]:
        """Yield those that are kept, and then one for each kind of which there are more."""
        yield from self._kept
        for kind, (path, times) in self._more.items():
            yield Problem(path, f"... and {times:,} more", kind, times)


def number_of(problems: Iterable[Problem]) -> int:
    """Return how many there are, those too of which only the number is known."""
    return sum(problem.times for problem in problems)


def problems_json(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """Return problems as plain values, :data:`MAX_OF_KIND` of a kind."""
    return [{"path": str(one.path), "kind": one.kind, "reason": one.reason} for one in Problems(problems)]
