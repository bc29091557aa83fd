"""Figures of sentences: BLEU-4 is sacrebleu's, facts are counted, baselines look at nothing."""

from __future__ import annotations

import numpy as np
import pytest

from streamvision.evaluation.captions.bleu import corpus_bleu
from streamvision.evaluation.captions.evaluate import bleu4_of
from streamvision.evaluation.captions.facts import compare_facts, read_all, usual_facts
from streamvision.synthetic.drive.sentences import (
    DISTANCES,
    LANES,
    LIGHTS,
    PLACES,
    SIGNS,
    VEHICLES,
    Fact,
    read_sentence,
    write_sentence,
)

DAY, DUSK = Fact("light", "by day"), Fact("light", "at dusk")
STOP = Fact("sign", "a stop sign")


def drawn(rng: np.random.Generator) -> str:
    words = [*(f"{sign} {place}" for sign in SIGNS for place in PLACES)]
    words += [f"{one} {lane} {far}" for one in VEHICLES.values() for lane in LANES for far in DISTANCES]
    return write_sentence(rng.choice(list(LIGHTS.values())), rng.choice(words, rng.integers(4), replace=False).tolist())


@pytest.mark.reference
@pytest.mark.parametrize("seed", range(6))
def test_bleu_is_that_of_sacrebleu(seed: int) -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    rng = np.random.default_rng(seed)
    said = [drawn(rng) for _ in range(20)]
    if seed == 1:
        said = [sentence[: int(rng.integers(5, 30))] for sentence in said]
    if seed == 2:
        said = ["a cow and a road"] * 20
    marked = [[drawn(rng) for _ in range(3)] for _ in said]
    expected = sacrebleu.corpus_bleu(said, [list(one) for one in zip(*marked, strict=True)], lowercase=True).score
    assert bleu4_of(said, marked) == pytest.approx(expected / 100, abs=1e-6)


@pytest.mark.parametrize(
    ("said", "marked", "expected"),
    [("a b c d", "a b c d", 1.0), ("x y z w", "a b c d", 0.0), ("a b", "a b", 0.0), ("", "a b c d", 0.0)],
)
def test_bleu_at_its_ends(said: str, marked: str, expected: float) -> None:
    assert corpus_bleu([said.split()], [[marked.split()]]) == pytest.approx(expected)
    assert corpus_bleu([], []) is None


def test_facts_are_counted_by_kind() -> None:
    said = [frozenset({DAY, STOP}), frozenset({DAY})]
    true = [frozenset({DAY}), frozenset({DUSK, STOP})]
    figures = compare_facts(said, true)
    light, sign = figures["light"], figures["sign"]
    assert (light.right, light.said, light.true) == (1, 2, 2)
    assert (sign.precision, sign.recall, sign.f1) == (0.0, 0.0, 0.0)
    assert figures["all"].f1 == pytest.approx(2 / 6)
    assert figures["lane"].f1 is None


def test_what_is_usual_is_the_commonest_light_and_what_most_pictures_show() -> None:
    seen = [frozenset({DAY, STOP}), frozenset({DAY, STOP}), frozenset({DUSK})]
    assert usual_facts(seen) == {DAY, STOP}
    assert usual_facts([*seen, frozenset({DUSK})]) in ({DAY}, {DUSK})


def test_facts_are_for_sentences_of_the_grammar_alone() -> None:
    assert read_all([["by day, an empty road"], ["a dog asleep"]]) is None
    assert read_all([["by day, an empty road"]]) == [read_sentence("by day, an empty road")]
