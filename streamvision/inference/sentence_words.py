"""Sentences as words, for networks that write them word by word, and for the figures that compare them."""

from __future__ import annotations

import re
from collections.abc import Sequence

END = "<end>"
"""First of the names of a model that writes sentences: nothing comes after it."""
UNKNOWN = "<unknown>"
"""Second of the names: a word that was too rare to be learnt."""
SPECIAL = (END, UNKNOWN)
_WORD = re.compile(r"\w+(?:['’.\-]\w+)*|[^\w\s]")
_NO_SPACE_BEFORE = frozenset(",.;:!?%)")


def split_words(sentence: str) -> list[str]:
    """Return the words of a sentence in lower case, each mark of punctuation by itself.

    >>> split_words("At dusk, a stop sign on the right.")
    ['at', 'dusk', ',', 'a', 'stop', 'sign', 'on', 'the', 'right', '.']
    """
    return _WORD.findall(sentence.lower())


def join_words(words: Sequence[str]) -> str:
    """Return words as a sentence.

    >>> join_words(["at", "dusk", ",", "a", "van"])
    'at dusk, a van'
    """
    return "".join(word if word in _NO_SPACE_BEFORE else f" {word}" for word in words).strip()


class Vocabulary:
    """The words of a model by their numbers.

    Args:
        names: :data:`SPECIAL`, then the words.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._ids = {word: at for at, word in enumerate(names)}

    def encode(self, sentence: str, longest: int) -> list[int]:
        """Return the numbers of a sentence's words and of the end behind them, at most ``longest``.

        Words that are not of the vocabulary are :data:`UNKNOWN`.
        """
        unknown = SPECIAL.index(UNKNOWN)
        ids = [self._ids.get(word, unknown) for word in split_words(sentence)[: longest - 1]]
        return [*ids, SPECIAL.index(END)]
