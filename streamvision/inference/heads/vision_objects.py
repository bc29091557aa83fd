"""Output of Core ML's object detection pipelines, the ones that Apple's Vision framework understands.

``coordinates`` (objects, 4) are centre and size as fractions of the input, ``confidence`` (objects, classes) how sure
the network is of each class; duplicates are already suppressed, and there is no batch axis. Source: the comments of
``NonMaximumSuppression.proto`` in https://github.com/apple/coremltools.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.heads.base import Candidates, ObjectHead
from streamvision.inference.heads.layout import corners, describe_outputs, finite_candidates
from streamvision.inference.model_card import ModelCard

COORDINATES, CONFIDENCE = "coordinates", "confidence"


class VisionObjectsHead(ObjectHead):
    """Two outputs by name. There may be more columns of classes than the card has names; those are not looked at."""

    selected = True

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether the outputs bear these names and no others."""
        return sorted(output.name for output in outputs) == [CONFIDENCE, COORDINATES]

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        names = [output.name for output in outputs]
        self._classes = len(card.names)
        self._size_px = np.array([card.input.width_px, card.input.height_px] * 2, np.float32)
        if not {COORDINATES, CONFIDENCE} <= set(names):
            raise UnknownHeadError(
                f"the model's outputs are {describe_outputs(outputs)}, but head {card.head!r} reads "
                f"{COORDINATES} (objects, 4) and {CONFIDENCE} (objects, classes); give the head that belongs to this "
                "model"
            )
        self._coordinates, self._confidence = names.index(COORDINATES), names.index(CONFIDENCE)

    def decode(
        self, outputs: Sequence[NDArray[Any]], *, score_threshold: float, every_class: bool = False
    ) -> list[Candidates]:
        """Return the candidates of the one picture whose score reaches the threshold.

        The pipeline has already settled on a class, so ``every_class`` changes nothing.

        Raises:
            ModelError: when the shapes do not fit the card.
        """
        coordinates, confidence = outputs[self._coordinates], outputs[self._confidence]
        if confidence.ndim != 2 or confidence.shape[1] < self._classes or coordinates.shape != (len(confidence), 4):
            raise ModelError(
                f"the model returned {COORDINATES} {coordinates.shape} and {CONFIDENCE} {confidence.shape}, which does "
                f"not fit its {self._classes} classes; check the exported file"
            )
        if not len(confidence):
            return [finite_candidates(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))]
        confidence = confidence[:, : self._classes].astype(np.float32, copy=False)
        class_id = confidence.argmax(axis=1)
        score = confidence[np.arange(len(confidence)), class_id]
        likely = score >= score_threshold
        box_xyxy = corners(coordinates[likely].astype(np.float32, copy=False))
        return [finite_candidates(box_xyxy, score[likely], class_id[likely], scale=self._size_px)]
