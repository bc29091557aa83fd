"""Sentences from the words that a network writes."""

from __future__ import annotations

import numpy as np
import pytest

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.inference.heads.sentence import SentenceHead
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import InputCard, ModelCard
from streamvision.inference.sentence_words import SPECIAL, Vocabulary, join_words, split_words
from streamvision.inference.tensors import TensorSpec

NAMES = (*SPECIAL, "at", "dusk", ",", "a", "van")
CARD = ModelCard(task="caption", head="sentence", names=NAMES, input=InputCard(width_px=64, height_px=32))
PLACE = Letterbox.fit(64, 32, CARD.input)
STEPS = [TensorSpec("tokens", (None, 6), "int32"), TensorSpec("probabilities", (None, 6), "float32")]


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32])
def test_words_up_to_the_end_are_the_sentence(dtype: type) -> None:
    tokens = np.array([[2, 3, 4, 5, 6, 0], [0] * 6, [2, 1, 3, 3, 3, 3]], dtype)
    scores = np.array([[0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [0.9, 0, 0, 0, 0, 0], [0.5] * 6], np.float32)
    found = SentenceHead(CARD, STEPS).read([tokens, scores], [PLACE] * 3)
    assert [one.text for one in found] == ["at dusk, a van", "", "at dusk dusk dusk dusk"]
    assert found[0].text_score == pytest.approx(0.7)
    assert found[0].word_score is not None
    assert found[0].word_score.tolist() == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5])
    assert found[1].text_score == 0.0
    assert found[0].summary(NAMES) == {"text": {"text": "at dusk, a van", "score": 0.7}}


@pytest.mark.parametrize("shapes", [[(None, 6)], [(None, 6), (None, 5)], [(None, 6, 2), (None, 6, 2)]])
def test_other_outputs_are_refused(shapes: list[tuple[int | None, ...]]) -> None:
    with pytest.raises(UnknownHeadError, match="two outputs"):
        SentenceHead(CARD, [TensorSpec(f"out{at}", shape, "float32") for at, shape in enumerate(shapes)])


@pytest.mark.parametrize(
    ("token", "score", "error"),
    [(7, 0.5, "card names 7"), (-1, 0.5, "card names"), (2, 3.0, "no pro"), (2, np.nan, "no pro")],
)
def test_what_is_no_word_and_no_probability_is_refused(token: int, score: float, error: str) -> None:
    outputs = [np.full((1, 6), token, np.int32), np.full((1, 6), score, np.float32)]
    with pytest.raises(ModelError, match=error):
        SentenceHead(CARD, STEPS).read(outputs, [PLACE])


def test_sentences_become_words_and_back() -> None:
    assert join_words(split_words("At dusk, a van; twenty-five m/s!")) == "at dusk, a van; twenty-five m / s!"
    assert Vocabulary(NAMES).encode("At dusk, a cow", 10) == [2, 3, 4, 5, 1, 0]
    assert Vocabulary(NAMES).encode("At dusk, a van", 3) == [2, 3, 0]


def test_what_a_file_says_at_length_is_cut_off() -> None:
    card = CARD.model_copy(update={"names": (*SPECIAL, "w" * 5000)})
    steps = [TensorSpec(name, (None, 3000), "float32") for name in ("tokens", "probabilities")]
    outputs = [np.full((1, 3000), 2, np.float32), np.full((1, 3000), 0.9, np.float32)]
    (found,) = SentenceHead(card, steps).read(outputs, [PLACE])
    assert found.text is not None and len(found.text) < 20_000
    assert found.word_score is not None and len(found.word_score) == len(found.text.split())


def test_no_words_at_all_are_refused() -> None:
    steps = [TensorSpec(name, (None, None), "float32") for name in ("tokens", "probabilities")]
    with pytest.raises(ModelError, match="check the file"):
        SentenceHead(CARD, steps).read([np.zeros((1, 0), np.float32)] * 2, [PLACE])
