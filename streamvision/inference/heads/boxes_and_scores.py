"""What the heads have in common that read two tensors: boxes, and beside them one score for each class."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError
from streamvision.inference.heads.base import Candidates, ObjectHead
from streamvision.inference.heads.layout import F32, HEAD_AND_NAMES, finite_candidates, unknown_outputs
from streamvision.inference.model_card import ModelCard
from streamvision.inference.tensors import TensorSpec


class BoxesAndScoresHead(ObjectHead):
    """Boxes (batch, N, 4), or (batch, N, 1, 4), and scores (batch, N, columns).

    Args:
        card: the model's card.
        outputs: all outputs of the model.

    Raises:
        UnknownHeadError: when they are not these two.
    """

    background: ClassVar[int] = 0
    """How many columns stand before those of the classes, for what is no object."""

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        self._columns = len(card.names) + self.background
        found = positions(outputs)
        if found is None or outputs[found[1]].shape[2] not in (None, self._columns):
            wanted = f"boxes (batch, N, 4) and scores (batch, N, {self._columns})"
            reads = f"with {len(card.names)} classes reads {wanted}"
            raise unknown_outputs(card, outputs, reads, settled_by=HEAD_AND_NAMES)
        self._boxes, self._scores = found
        self._size_px = np.array([card.input.width_px, card.input.height_px] * 2, np.float32)

    @classmethod
    def class_count(cls, outputs: Sequence[TensorSpec]) -> int | None:
        """Return the columns of the scores, less those of what is no object."""
        found = positions(outputs)
        columns = None if found is None else outputs[found[1]].shape[2]
        return None if columns is None or columns <= cls.background else columns - cls.background

    @abstractmethod
    def _input_boxes(self, rows: F32) -> F32:
        """Return (N, 4) left, top, right, bottom in pixels of the network's input."""

    def decode(
        self, outputs: Sequence[NDArray[Any]], *, score_threshold: float, every_class: bool = False
    ) -> list[Candidates]:
        """Return the candidates of each picture in the batch whose score reaches the threshold.

        Raises:
            ModelError: when the tensors do not belong together.
        """
        boxes, scores = outputs[self._boxes], outputs[self._scores]
        if scores.ndim != 3 or scores.shape[2] != self._columns or boxes.size != scores.shape[0] * scores.shape[1] * 4:
            raise ModelError(
                f"the model returned boxes {boxes.shape} and scores {scores.shape}, which do not belong together; "
                "check the exported file"
            )
        pictures = zip(boxes.reshape(*scores.shape[:2], 4), scores.astype(np.float32, copy=False), strict=True)
        return [
            self._picture(box, score[:, self.background :], score_threshold, every_class) for box, score in pictures
        ]

    def _picture(self, boxes: NDArray[Any], scores: F32, score_threshold: float, every_class: bool) -> Candidates:
        if every_class:
            chosen, class_id = np.nonzero(scores >= score_threshold)
        else:
            chosen = np.flatnonzero(scores.max(axis=1) >= score_threshold)
            class_id = scores[chosen].argmax(axis=1)
        picked = self._input_boxes(boxes[chosen].astype(np.float32, copy=False))
        return finite_candidates(picked, scores[chosen, class_id], class_id)


def positions(outputs: Sequence[TensorSpec]) -> tuple[int, int] | None:
    """Return which output holds the boxes and which the scores; ``None`` where that cannot be known."""
    if len(outputs) != 2:
        return None
    boxes = [i for i, output in enumerate(outputs) if _may_be_boxes(output)]
    if len(boxes) > 1:  # of four classes the scores look like boxes, and the names must tell
        boxes = [i for i in boxes if "box" in outputs[i].name.lower()]
    if len(boxes) != 1 or len(outputs[1 - boxes[0]].shape) != 3:
        return None
    rows, others = outputs[boxes[0]].shape[1], outputs[1 - boxes[0]].shape[1]
    return (boxes[0], 1 - boxes[0]) if None in (rows, others) or rows == others else None


def _may_be_boxes(output: TensorSpec) -> bool:
    return output.shape[-1:] == (4,) and (
        len(output.shape) == 3 or (output.shape[2:3] == (1,) and len(output.shape) == 4)
    )
