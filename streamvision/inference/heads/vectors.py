"""Outputs with one vector a picture: classes, embeddings, numbers.

Sources: https://docs.ultralytics.com/tasks/classify/;
https://docs.pytorch.org/vision/stable/models.html#classification; ArcFace (arXiv:1801.07698), section 3; OSNet for
re-identification (arXiv:1905.00953).
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
from streamvision.inference.heads.layout import F32, HEAD_AND_NAMES, unknown_outputs
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard
from streamvision.inference.tensors import TensorSpec


class ClassifyHead(PictureHead):
    """One tensor (batch, classes); further axes must have the size 1."""

    usual_input = MappingProxyType({"resize": "crop_center"})

    @classmethod
    def class_count(cls, outputs: Sequence[TensorSpec]) -> int | None:
        """Return the size of the second axis."""
        return outputs[0].shape[1] if len(outputs) == 1 and len(outputs[0].shape) >= 2 else None

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        self._classes = len(card.names)
        if len(outputs) != 1 or not _fits(outputs[0].shape, self._classes):
            reads = f"with {self._classes} classes reads one output (batch, {self._classes})"
            raise unknown_outputs(card, outputs, reads, settled_by=HEAD_AND_NAMES)

    def read(self, outputs: Sequence[NDArray[Any]], letterboxes: Sequence[Letterbox]) -> list[ImageResult]:
        """Return the probability of each class, for each picture.

        Raises:
            ModelError: when the tensor has another shape than the model said, or holds something that is no number.
        """
        if not _fits(outputs[0].shape, self._classes):
            raise ModelError(f"the model returned {outputs[0].shape} for {self._classes} classes; check the file")
        rows = outputs[0].reshape(len(outputs[0]), self._classes)[: len(letterboxes)].astype(np.float32)
        if not np.isfinite(rows).all():
            raise ModelError("the model returned scores that are no numbers; check the file, or use another precision")
        return [ImageResult(class_score=row) for row in self._probabilities(rows)]

    def _probabilities(self, rows: F32) -> F32:
        if rows.min() < -_SLACK or rows.max() > 1 + _SLACK:
            raise ModelError(
                f"the model gives scores from {rows.min():.3g} to {rows.max():.3g}, which are no probabilities; if "
                "they are logits, give --head classify_logits"
            )
        return rows


_SLACK = 0.05
"""Probabilities that were quantised to eight bits may lie this far beyond 0..1."""


def _fits(shape: Sequence[int | None], classes: int) -> bool:
    return len(shape) >= 2 and shape[1] in (None, classes) and all(size in (None, 1) for size in shape[2:])


class ClassifyLogitsHead(ClassifyHead):
    """One tensor (batch, classes), whose softmax are the probabilities."""

    def _probabilities(self, rows: F32) -> F32:
        odds = np.exp(rows - rows.max(axis=1, keepdims=True))
        probabilities: F32 = odds / odds.sum(axis=1, keepdims=True)
        return probabilities


class SeveralHead(PictureHead):
    """Probabilities of classes, where there is such an output, and numbers by name (age, steering angle, quality).

    The only output (batch, classes) whose size is the number of class names holds probabilities; every output (batch,
    1) or (batch,) is a number: those of the card in their order, or known by the output's name.
    """

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        classes = len(card.names)
        numbers = {i: output.name for i, output in enumerate(outputs) if output.shape[1:] in ((), (1,))}
        scores = [i for i, output in enumerate(outputs) if i not in numbers and output.shape[1:] == (classes,)]
        if len(scores) > 1 or len(scores) + len(numbers) != len(outputs) or not numbers:
            wanted = f"numbers (batch, 1), by name, and at most one output (batch, {classes}) of probabilities"
            reads = f"with {classes} classes reads {wanted}"
            raise unknown_outputs(card, outputs, reads, settled_by=HEAD_AND_NAMES)
        if card.numbers:
            named = ", ".join(number.name for number in card.numbers)
            if len(card.numbers) != len(numbers):
                raise unknown_outputs(card, outputs, f"with the numbers {named} reads as many outputs (batch, 1)")
            if len({number.name for number in card.numbers}) < len(card.numbers):
                raise unknown_outputs(card, outputs, f"needs numbers of different names, not {named}")
            numbers = {at: number.name for at, number in zip(numbers, card.numbers, strict=True)}
        self._numbers, self._scores = numbers, scores[0] if scores else None
        self._units = {number.name: number.unit for number in card.numbers if number.unit} or None

    def read(self, outputs: Sequence[NDArray[Any]], letterboxes: Sequence[Letterbox]) -> list[ImageResult]:
        """Return the answers for each picture.

        Raises:
            ModelError: when a probability is no number.
        """
        if self._scores is not None and not np.isfinite(outputs[self._scores]).all():
            raise ModelError("the model returned scores that are no numbers; check the file, or use another precision")
        return [
            ImageResult(
                class_score=None if self._scores is None else outputs[self._scores][index].astype(np.float32),
                values={name: float(outputs[at][index].reshape(-1)[0]) for at, name in self._numbers.items()},
                units=self._units,
            )
            for index in range(len(letterboxes))
        ]


class EmbedHead(PictureHead):
    """One tensor (batch, D), brought to length 1: the dot product of two is then their cosine similarity.

    Further axes must have the size 1.
    """

    usual_input = MappingProxyType({"resize": "stretch"})

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        if len(outputs) != 1 or not _is_vector(outputs[0].shape):
            raise unknown_outputs(card, outputs, "reads one output (batch, D)")

    def read(self, outputs: Sequence[NDArray[Any]], letterboxes: Sequence[Letterbox]) -> list[ImageResult]:
        """Return the embedding of each picture.

        Raises:
            ModelError: when an embedding has no direction: all zeros, or something that is no number.
        """
        vectors = outputs[0].reshape(len(outputs[0]), -1)[: len(letterboxes)].astype(np.float32)
        length = np.sqrt((vectors.astype(np.float64) ** 2).sum(axis=1, keepdims=True))
        if not np.isfinite(length).all() or not length.all():
            raise ModelError("the model returned an embedding without direction; check the file or its precision")
        return [ImageResult(embedding=vector) for vector in (vectors / length).astype(np.float32)]


def _is_vector(shape: Sequence[int | None]) -> bool:
    return len(shape) >= 2 and shape[1] != 1 and all(size in (None, 1) for size in shape[2:])
