"""Outputs of networks that describe a picture in a sentence: the words one after the other, and how sure each is.

``tokens`` (batch, steps) holds indices of words, those of the model card's names; 0 is the end of the sentence.
``probabilities`` (batch, steps) are those of the words. Networks that write word by word are exported unrolled to their
longest sentence, as :mod:`streamvision.checkpoints.captioner` is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError
from streamvision.core.image_result import ImageResult
from streamvision.inference.heads.base import PictureHead
from streamvision.inference.heads.layout import unknown_outputs
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard
from streamvision.inference.sentence_words import SPECIAL, join_words
from streamvision.inference.tensors import TensorSpec


class SentenceHead(PictureHead):
    """Two tensors (batch, steps): indices of words, and probabilities."""

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        self._names = tuple(name[:_LONGEST_WORD] for name in card.names)
        shapes = [output.shape[1:] for output in outputs]
        if len(outputs) != 2 or len(shapes[0]) != 1 or shapes[0] != shapes[1]:
            reads = "reads two outputs (batch, steps), the indices of words and their probabilities"
            raise unknown_outputs(card, outputs, reads, settled_by="the head and the words that belong")

    def read(self, outputs: Sequence[NDArray[Any]], letterboxes: Sequence[Letterbox]) -> list[ImageResult]:
        """Return the sentence about each picture, and how sure each of its words is.

        Raises:
            ModelError: when an index is of no word, or a probability is no number of 0..1.
        """
        tokens, scores = (output[: len(letterboxes)] for output in outputs)
        rounded = np.rint(tokens).astype(np.int64)
        if tokens.shape != scores.shape or not tokens.size:
            raise ModelError(f"the model returned words {tokens.shape} and scores {scores.shape}; check the file")
        if rounded.min() < 0 or rounded.max() >= len(self._names):
            raise ModelError(
                f"the model returned words {rounded.min()} to {rounded.max()}, but its card names {len(self._names)}; "
                "check the file"
            )
        if not ((scores >= -_SLACK) & (scores <= 1 + _SLACK)).all():
            raise ModelError("the model returned scores of words that are no probabilities; check the file")
        return [self._sentence(*row) for row in zip(rounded, scores.astype(np.float32), strict=True)]

    def _sentence(self, tokens: NDArray[np.int64], scores: NDArray[np.float32]) -> ImageResult:
        ends = np.flatnonzero(tokens == 0)
        count = min(int(ends[0]) if len(ends) else len(tokens), _MOST_WORDS)
        words = [self._names[at] for at in tokens[:count].tolist()]
        text = join_words([word for word in words if word not in SPECIAL])
        sure = float(scores[:count].mean()) if text else 0.0
        return ImageResult(text=text, text_score=sure, word_score=scores[:count])


_LONGEST_WORD, _MOST_WORDS = 64, 256
"""Letters and words beyond which what a file says is cut off: it goes into every result and event."""
_SLACK = 0.05
"""Probabilities that were quantised to eight bits may lie this far beyond 0..1."""
