"""Which facts sentences state, of those that are true: precision and recall by kind, beside those of baselines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streamvision.evaluation.predictions import rounded
from streamvision.synthetic.drive.sentences import FACT_KINDS, Fact, FactKind, Reading, read_sentence

_EXCLUSIVE: tuple[FactKind, ...] = ("light",)
"""Of these kinds every sentence states exactly one."""


@dataclass(frozen=True)
class FactFigures:
    """How well facts of a kind are stated."""

    right: int
    """Stated and true."""
    said: int
    """Stated."""
    true: int
    """True."""

    @property
    def precision(self) -> float | None:
        """Share of what is stated that is true; ``None`` where nothing is stated."""
        return self.right / self.said if self.said else None

    @property
    def recall(self) -> float | None:
        """Share of what is true that is stated; ``None`` where nothing is true."""
        return self.right / self.true if self.true else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of both; ``None`` where nothing is stated or true."""
        return 2 * self.right / (self.said + self.true) if self.said + self.true else None

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        shares = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        return {key: rounded(value) for key, value in shares.items()} | {"said": self.said, "true": self.true}


FiguresByKind = dict[FactKind | str, FactFigures]
"""By kind of fact, and under ``all`` for all of them."""


def read_all(sentences: Sequence[Sequence[str]]) -> list[Reading] | None:
    """Return what the grammar of the drive reads in the first sentence about each picture.

    ``None`` where one of them is not of the grammar: then there are no facts to be compared.
    """
    readings = [read_sentence(of_one[0]) for of_one in sentences]
    return None if any(one.unread or not one.facts for one in readings) else readings


def compare_facts(said: Sequence[frozenset[Fact]], true: Sequence[frozenset[Fact]]) -> FiguresByKind:
    """Return how well facts are stated, picture by picture."""
    figures: FiguresByKind = {}
    for kind in (*FACT_KINDS, "all"):
        pairs = [
            tuple(frozenset(fact for fact in facts if kind in ("all", fact.kind)) for facts in pair)
            for pair in zip(said, true, strict=True)
        ]
        right = sum(len(ours & theirs) for ours, theirs in pairs)
        figures[kind] = FactFigures(right, sum(len(one) for one, _ in pairs), sum(len(one) for _, one in pairs))
    return figures


def usual_facts(true: Sequence[frozenset[Fact]]) -> frozenset[Fact]:
    """Return what is said without looking: the most frequent value of each fact.

    That is the commonest light, and whatever else is true of more than half of the pictures.
    """
    counts = Counter(fact for facts in true for fact in facts)
    usual = {fact for fact, count in counts.items() if count * 2 > len(true) and fact.kind not in _EXCLUSIVE}
    for kind in _EXCLUSIVE:
        usual.update(fact for fact, _ in Counter({f: n for f, n in counts.items() if f.kind == kind}).most_common(1))
    return frozenset(usual)
