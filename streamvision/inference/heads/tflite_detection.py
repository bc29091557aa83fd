"""Outputs of TFLite's detection post-processing, which SSD models and detectors for MediaPipe end with.

Four of them: boxes (batch, rows, 4) as top, left, bottom and right in fractions of the input, classes (batch, rows),
scores (batch, rows), and how many rows count (batch). Source:
https://ai.google.dev/edge/litert/models/metadata#object_detection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.heads.base import Candidates, ObjectHead
from streamvision.inference.heads.layout import box_scale, describe_outputs, finite_candidates
from streamvision.inference.model_card import ModelCard

MEANING = "four outputs: boxes (batch, rows, 4), classes (batch, rows), scores (batch, rows) and their number (batch)"
_LEFT_FIRST = [1, 0, 3, 2]


class TfliteDetectionHead(ObjectHead):
    """Boxes, classes, scores, number of boxes. Boxes of a class without a name are passed over.

    The network has already chosen boxes and classes, so ``every_class`` changes nothing.

    Args:
        card: the model's card.
        outputs: all outputs of the model.

    Raises:
        UnknownHeadError: when they are not these four.
    """

    selected: ClassVar[bool] = True

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        if not _fits([output.shape for output in outputs]):
            raise UnknownHeadError(
                f"the model's outputs are {describe_outputs(outputs)}, but head {card.head!r} reads {MEANING}; "
                "give the head that belongs to this model"
            )
        self._scale = box_scale(card)
        self._classes = len(card.names)

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether there are four outputs of these shapes."""
        return _fits([output.shape for output in outputs])

    def decode(
        self, outputs: Sequence[NDArray[Any]], *, score_threshold: float, every_class: bool = False
    ) -> list[Candidates]:
        """Return the candidates of each picture in the batch whose score reaches the threshold.

        Raises:
            ModelError: when a dynamic axis has turned out in a size that does not fit.
        """
        if not _fits([output.shape for output in outputs]):
            shapes = ", ".join(str(output.shape) for output in outputs)
            raise ModelError(f"the model returned {shapes}, which is not {MEANING}; check the exported file")
        return [
            self._decode_picture(*picture, score_threshold=score_threshold) for picture in zip(*outputs, strict=True)
        ]

    def _decode_picture(
        self,
        boxes: NDArray[Any],
        classes: NDArray[Any],
        scores: NDArray[Any],
        count: NDArray[Any],
        *,
        score_threshold: float,
    ) -> Candidates:
        filled = np.arange(len(scores)) < count
        chosen = np.flatnonzero(filled & (scores >= score_threshold) & (classes >= 0) & (classes < self._classes))
        box_ltrb = boxes[chosen][:, _LEFT_FIRST].astype(np.float32, copy=False)
        score = scores[chosen].astype(np.float32, copy=False)
        return finite_candidates(box_ltrb, score, classes[chosen].astype(np.int32), scale=self._scale)


def _fits(shapes: Sequence[Sequence[int | None]]) -> bool:
    if [len(shape) for shape in shapes] != [3, 2, 2, 1]:
        return False
    (_, rows, columns), (_, classes), (_, scores), _ = shapes
    return columns == 4 and rows == classes == scores
