"""Output of ultralytics' RT-DETR (arXiv:2304.08069): one tensor of queries, boxes in fractions of the input.

Newer exports give (batch, queries, 6), each row centre x and y, width, height, score, class; older ones (batch,
queries, 4 + classes), a score for each class in place of the two. Queries do not repeat each other, so nothing is
suppressed. Pictures are stretched to the input. Source: the model's own ``RTDETRDecoder`` layer,
https://docs.ultralytics.com/reference/nn/modules/head/.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np

from streamvision.core.errors import ModelError
from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.heads.base import Candidates
from streamvision.inference.heads.box_tensor import BoxTensorHead
from streamvision.inference.heads.layout import F32, corners, finite_candidates
from streamvision.inference.model_card import ModelCard

BOX_COLUMNS, SELECTED_COLUMNS = 4, 6


class RtDetrHead(BoxTensorHead):
    """Columns cx, cy, w, h, then score and class, or one score a class; one row a query."""

    selected = True
    usual_input = MappingProxyType({"resize": "stretch"})

    @staticmethod
    def _settles(size_px: tuple[int, int], rows: int | None, columns: int | None) -> bool:
        """Say no: selected boxes of other models look the same."""
        return False

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        self._classes = len(card.names)
        each = BOX_COLUMNS + self._classes
        super().__init__(
            card,
            outputs,
            expected=(None, None, {SELECTED_COLUMNS, each}),
            meaning=f"one output (batch, queries, {SELECTED_COLUMNS}) or (batch, queries, {each})",
        )
        self._size = np.array([card.input.width_px, card.input.height_px] * 2, np.float32)

    def _decode_picture(self, rows: F32, score_threshold: float, every_class: bool) -> Candidates:
        if rows.shape[1] == SELECTED_COLUMNS:
            return self._selected(rows, score_threshold)
        scores = rows[:, BOX_COLUMNS:]
        if every_class:
            chosen, class_id = np.nonzero(scores >= score_threshold)
        else:
            chosen = np.flatnonzero(scores.max(axis=1) >= score_threshold)
            class_id = scores[chosen].argmax(axis=1)
        boxes = corners(rows[chosen])
        return finite_candidates(boxes, scores[chosen, class_id], class_id, scale=self._size)

    def _selected(self, rows: F32, score_threshold: float) -> Candidates:
        score, class_id = rows[:, 4], rows[:, 5]
        if not ((class_id == np.rint(class_id)) | np.isnan(class_id)).all():
            # With two classes both forms have six columns; a second score is no whole number.
            raise ModelError(
                "the model's output has six columns, of which the last holds no class ids: an RT-DETR export of two "
                "classes in the old form cannot be told apart; export it again with a newer ultralytics"
            )
        picked = rows[(score >= score_threshold) & (class_id >= 0) & (class_id < self._classes)]
        boxes = corners(picked)
        return finite_candidates(boxes, picked[:, 4], picked[:, 5].astype(np.int32), scale=self._size)
