"""A truth that is left out has no say in what is chosen for it."""

from __future__ import annotations

from typing import Any

from benchmarks.track_cross_validation import Settings, climb

BEST = {"a": 1.0, "b": 1.0, "c": 3.0}
SPACE: dict[str, tuple[float, ...]] = {"knob": (0.0, 1.0, 2.0, 3.0), "other": (0.0, 5.0)}


class KnownScores:
    """Scores of truths whose best settings are known."""

    truths = tuple(BEST)

    def by_truth(self, settings: Settings) -> dict[str, float]:
        return {name: -((settings.get("knob", 0.0) - best) ** 2) for name, best in BEST.items()}


def chosen(*truths: str) -> Settings:
    scores: Any = KnownScores()
    return climb(scores, truths, SPACE, {})


def test_the_search_finds_what_is_best_for_the_truths_it_sees() -> None:
    assert chosen("a", "b") == {"knob": 1.0}
    assert chosen("c") == {"knob": 3.0}
    assert chosen("b", "c") == {"knob": 2.0}


def test_what_changes_nothing_stays_as_it_is() -> None:
    assert "other" not in chosen("a", "b", "c")
