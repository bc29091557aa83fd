"""Lines of text from the steps of a recognition network."""

from __future__ import annotations

import numpy as np
import pytest

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.inference.heads.ctc_text import CtcTextHead, alphabet
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import InputCard, ModelCard
from streamvision.inference.tensors import TensorSpec

LETTERS = alphabet("A\nB")
CARD = ModelCard(task="text", head="ctc_text", names=LETTERS, input=InputCard(width_px=320, height_px=48))
PLACE = Letterbox.fit(320, 48, CARD.input)


def head(letters: int = len(LETTERS)) -> CtcTextHead:
    return CtcTextHead(CARD, [TensorSpec("out", (None, None, letters), "float32")])


def steps(path: str, *, sure: float = 0.8) -> np.ndarray:
    """Return the output for a path of letters, where ``-`` is the blank."""
    index = [0 if letter == "-" else LETTERS.index(letter) for letter in path]
    rows = np.full((len(path), len(LETTERS)), (1 - sure) / (len(LETTERS) - 1), np.float32)
    rows[np.arange(len(path)), index] = sure
    return rows


@pytest.mark.parametrize(
    ("path", "text"), [("AAB", "AB"), ("A-A", "AA"), ("-AA--B-", "AB"), ("----", ""), (" A ", "A"), ("A  B", "A B")]
)
def test_repetitions_are_joined_and_blanks_left_out(path: str, text: str) -> None:
    (found,) = head().read([steps(path)[None]], [PLACE])
    assert found.text == text
    assert found.text_score == (pytest.approx(0.8) if text else 0.0)


def test_each_picture_of_a_batch_has_its_own_line_and_padding_is_ignored() -> None:
    found = head().read([np.stack([steps("AAB"), steps("B-B"), steps("---")])], [PLACE, PLACE])
    assert [one.text for one in found] == ["AB", "BB"]
    assert found[0].summary(LETTERS)["text"] == {"text": "AB", "score": 0.8}


def test_another_alphabet_is_refused() -> None:
    with pytest.raises(UnknownHeadError, match="with 4 letters"):
        head(letters=7)
    with pytest.raises(ModelError, match="for 4 letters"):
        head().read([np.zeros((1, 3, 7), np.float32)], [PLACE])


def test_numbers_that_are_none_are_refused() -> None:
    bad = np.full((1, 3, 4), np.nan, np.float32)
    with pytest.raises(ModelError, match="no numbers"):
        head().read([bad], [PLACE])
