"""Outputs of networks with several answers at once: a class, say, and numbers beside it.

The only output (batch, classes) whose size is the number of class names holds probabilities; every output (batch, 1) or
(batch,) is a number, known by the output's name (age, steering angle, quality).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.core.image_result import ImageResult
from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.heads.base import PictureHead
from streamvision.inference.heads.layout import describe_outputs
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard


class SeveralHead(PictureHead):
    """Probabilities of classes, where there is such an output, and numbers by name."""

    task = "classify"

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say no: what the outputs mean is not in their shapes."""
        return False

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        classes = len(card.names)
        numbers = {i: output.name for i, output in enumerate(outputs) if output.shape[1:] in ((), (1,))}
        scores = [i for i, output in enumerate(outputs) if i not in numbers and output.shape[1:] == (classes,)]
        if len(scores) > 1 or len(scores) + len(numbers) != len(outputs) or not numbers:
            raise UnknownHeadError(
                f"the model's outputs are {describe_outputs(outputs)}, but head {card.head!r} with {classes} classes "
                f"reads numbers (batch, 1), by name, and at most one output (batch, {classes}) of probabilities; give "
                "the head and the class names that belong to this model"
            )
        self._numbers, self._scores = numbers, scores[0] if scores else None

    def read(self, outputs: Sequence[NDArray[Any]], places: Sequence[Letterbox]) -> list[ImageResult]:
        """Return the answers for each picture.

        Raises:
            ModelError: when a probability is no number.
        """
        if self._scores is not None and not np.isfinite(outputs[self._scores]).all():
            raise ModelError("the model returned scores that are no numbers; check the file, or use another precision")
        return [
            ImageResult(
                class_score=None if self._scores is None else outputs[self._scores][slot].astype(np.float32),
                values={name: float(outputs[at][slot].reshape(-1)[0]) for at, name in self._numbers.items()},
            )
            for slot in range(len(places))
        ]
