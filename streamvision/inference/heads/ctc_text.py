"""Output of networks that read a line of text: (batch, steps, letters) probabilities, decoded by the best path.

Connectionist temporal classification (Graves et al., ICML 2006, section 3.2): at each step the likeliest letter is
taken, repetitions are joined and blanks left out. The first letter is the blank; the model card's names are the
letters. Source of the usual feeding: PaddleOCR's recognition models (CRNN, SVTR), 48 px high, BGR, levels -1..1.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError
from streamvision.core.image_result import ImageResult
from streamvision.inference.heads.base import PictureHead
from streamvision.inference.heads.layout import unknown_outputs
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard
from streamvision.inference.tensors import TensorSpec


class CtcTextHead(PictureHead):
    """One tensor (batch, steps, letters)."""

    usual_input = MappingProxyType(
        {
            "width_px": 320,
            "height_px": 48,
            "color": "bgr",
            "resize": "letterbox_top_left",
            "pad_value": 127,
            "mean": (0.5, 0.5, 0.5),
            "std": (0.5, 0.5, 0.5),
        }
    )

    @classmethod
    def class_count(cls, outputs: Sequence[TensorSpec]) -> int | None:
        """Return the size of the last axis."""
        return outputs[0].shape[2] if len(outputs) == 1 and len(outputs[0].shape) == 3 else None

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        self._letters = np.array(card.names, dtype=object)
        if len(outputs) != 1 or len(outputs[0].shape) != 3 or outputs[0].shape[2] not in (None, len(card.names)):
            reads = f"with {len(card.names)} letters reads one output (batch, steps, letters)"
            raise unknown_outputs(card, outputs, reads, settled_by="the head and the letters that belong")

    def read(self, outputs: Sequence[NDArray[Any]], letterboxes: Sequence[Letterbox]) -> list[ImageResult]:
        """Return the text on each picture, and how sure its letters are on average; no text has the score 0.

        Raises:
            ModelError: when the tensor has another shape than the model said, or holds something that is no number.
        """
        steps = outputs[0]
        if steps.ndim != 3 or steps.shape[2] != len(self._letters):
            raise ModelError(f"the model returned {steps.shape} for {len(self._letters)} letters; check the file")
        best = steps[: len(letterboxes)].argmax(axis=2)
        sure = np.take_along_axis(steps[: len(letterboxes)], best[..., None], axis=2)[..., 0].astype(np.float32)
        if not np.isfinite(sure).all():
            raise ModelError("the model returned scores that are no numbers; check the file, or use another precision")
        kept = best != 0
        kept[:, 1:] &= best[:, 1:] != best[:, :-1]
        return [self._line(row[keep], score[keep]) for row, score, keep in zip(best, sure, kept, strict=True)]

    def _line(self, letters: NDArray[np.intp], score: NDArray[np.float32]) -> ImageResult:
        text = "".join(self._letters[letters].tolist()).strip()
        return ImageResult(text=text, text_score=float(score.mean()) if text else 0.0)


def alphabet(metadata_value: str) -> tuple[str, ...]:
    """Return the letters of a model from its metadata, with the blank before and the space behind them.

    >>> alphabet("A\\nB")
    ('blank', 'A', 'B', ' ')
    """
    return ("blank", *metadata_value.split("\n"), " ")
