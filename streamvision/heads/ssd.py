"""Output of TensorFlow's ``TFLite_Detection_PostProcess``: SSD models for TFLite, and what MediaPipe's detector wants.

Four tensors: boxes (batch, K, 4) top, left, bottom, right as fractions of the input; classes (batch, K); scores (batch,
K); how many rows are in use (batch,). Source: the operator's own code,
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/kernels/detection_postprocess.cc, and
https://developers.google.com/mediapipe/solutions/vision/object_detector
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.backends.base import TensorSpec
from streamvision.errors import ModelError, UnknownHeadError
from streamvision.heads.base import Candidates, ObjectHead
from streamvision.heads.layout import describe_outputs, finite_candidates
from streamvision.model_card import ModelCard

_XYXY = (1, 0, 3, 2)


class SsdHead(ObjectHead):
    """Boxes as top, left, bottom, right in fractions of the input, class ids, scores and their number.

    Classes and scores are told apart by their names, or come in this order. The network has already chosen boxes and
    classes, so ``every_class`` changes nothing.
    """

    selected = True

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether there are four such tensors."""
        return cls._positions(outputs) is not None and len(outputs) == 4

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        positions = self._positions(outputs)
        if positions is None:
            raise UnknownHeadError(
                f"the model's outputs are {describe_outputs(outputs)}, but head {card.head!r} reads boxes (batch, K, "
                "4), classes (batch, K), scores (batch, K) and a count (batch,); give the head that belongs to this model"
            )
        self._boxes, self._labels, self._scores, self._count = positions
        self._classes = len(card.names)
        width, height = card.input.width_px, card.input.height_px
        self._scale = np.array([width, height, width, height], np.float32)

    @staticmethod
    def _positions(outputs: Sequence[TensorSpec]) -> tuple[int, int, int, int] | None:
        """Return where boxes, classes, scores and the count are."""
        by_axes: dict[int, list[int]] = {}
        for index, output in enumerate(outputs):
            by_axes.setdefault(len(output.shape), []).append(index)
        boxes, rows, count = by_axes.get(3, []), by_axes.get(2, []), by_axes.get(1, [])
        if (len(boxes), len(rows), len(count)) != (1, 2, 1) or outputs[boxes[0]].shape[2] not in (4, None):
            return None
        rows.sort(key=lambda index: "score" in outputs[index].name.lower())
        return boxes[0], rows[0], rows[1], count[0]

    def decode(
        self, outputs: Sequence[NDArray[Any]], *, score_threshold: float, every_class: bool = False
    ) -> list[Candidates]:
        """Return the objects of each picture in the batch whose score reaches the threshold.

        Raises:
            ModelError: when the tensors do not belong together.
        """
        boxes, labels, scores = outputs[self._boxes], outputs[self._labels], outputs[self._scores]
        counts = np.atleast_1d(outputs[self._count])
        if boxes.shape != (*scores.shape, 4) or labels.shape != scores.shape or len(counts) != len(scores):
            raise ModelError(
                f"the model returned boxes {boxes.shape}, classes {labels.shape}, scores {scores.shape} and counts "
                f"{counts.shape}, which do not belong together; check the exported file"
            )
        found = []
        for box, label, score, count in zip(boxes, labels, scores.astype(np.float32), counts, strict=True):
            known = (score >= score_threshold) & (label >= 0) & (label < self._classes)
            chosen = np.flatnonzero(known[: max(int(count), 0)])
            picked = box[chosen][:, _XYXY].astype(np.float32, copy=False)
            found.append(finite_candidates(picked, score[chosen], label[chosen].astype(np.int32), scale=self._scale))
        return found
