"""Output of classifiers: (batch, classes) probabilities, as exports with the softmax inside give them.

Source: https://docs.ultralytics.com/tasks/classify/. For networks whose outputs are logits see ``classify_logits``.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.core.image_result import ImageResult
from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.heads.base import PictureHead
from streamvision.inference.heads.layout import F32, describe_outputs
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard


class ClassifyHead(PictureHead):
    """One tensor (batch, classes); further axes must have the size 1."""

    task = "classify"
    usual_input = MappingProxyType({"resize": "crop_center"})

    @classmethod
    def class_count(cls, outputs: Sequence[TensorSpec]) -> int | None:
        """Return the size of the second axis."""
        return outputs[0].shape[1] if len(outputs) == 1 and len(outputs[0].shape) >= 2 else None

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say no: probabilities, logits and embeddings look alike."""
        return False

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        self._classes = len(card.names)
        if len(outputs) != 1 or not _fits(outputs[0].shape, self._classes):
            raise UnknownHeadError(
                f"the model's outputs are {describe_outputs(outputs)}, but head {card.head!r} with {self._classes} "
                f"classes reads one output (batch, {self._classes}); give the head and the class names that belong to "
                "this model"
            )

    def read(self, outputs: Sequence[NDArray[Any]], places: Sequence[Letterbox]) -> list[ImageResult]:
        """Return the probability of each class, for each picture.

        Raises:
            ModelError: when the tensor has another shape than the model said, or holds something that is no number.
        """
        if not _fits(outputs[0].shape, self._classes):
            raise ModelError(f"the model returned {outputs[0].shape} for {self._classes} classes; check the file")
        rows = outputs[0].reshape(len(outputs[0]), self._classes)[: len(places)].astype(np.float32)
        if not np.isfinite(rows).all():
            raise ModelError("the model returned scores that are no numbers; check the file, or use another precision")
        return [ImageResult(class_score=row) for row in self._probabilities(rows)]

    def _probabilities(self, rows: F32) -> F32:
        return rows


def _fits(shape: Sequence[int | None], classes: int) -> bool:
    return len(shape) >= 2 and shape[1] in (None, classes) and all(size in (None, 1) for size in shape[2:])
