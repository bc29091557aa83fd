"""Raw output of ultralytics YOLOv8, YOLO11, YOLO12 and YOLOv9: (batch, 4 + classes, boxes), free of anchors.

The network has already decoded the boxes (centre and size) and applied the sigmoid to the class scores. Source:
the model's own ``Detect`` layer, https://docs.ultralytics.com/reference/nn/modules/head/.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamvision.backends.base import TensorSpec
from streamvision.heads.base import Candidates
from streamvision.heads.box_tensor import BoxTensorHead
from streamvision.heads.layout import F32, cell_counts, corners, finite_candidates, possible_cell_counts
from streamvision.model_card import ModelCard

BOX_ROWS = 4


class YoloV8Head(BoxTensorHead):
    """Rows cx, cy, w, h, then one score a class; one column a box."""

    @staticmethod
    def _settles(size_px: tuple[int, int], rows: int | None, columns: int | None) -> bool:
        """Say whether the last axis has one column for each grid cell of the input."""
        return rows is not None and rows > BOX_ROWS and columns in cell_counts(*size_px)

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        rows = BOX_ROWS + len(card.names)
        size = card.input.width_px, card.input.height_px
        super().__init__(
            card,
            outputs,
            expected=(None, rows, possible_cell_counts(*size)),
            meaning=f"one output (batch, {rows}, boxes), one box for each grid cell of its {size[0]}x{size[1]} input",
        )

    def _decode_picture(self, rows: F32, score_threshold: float, every_class: bool) -> Candidates:
        if every_class:
            scores = rows[BOX_ROWS:].T
            chosen, class_id = np.nonzero(scores >= score_threshold)
            boxes = corners(*rows[:BOX_ROWS, chosen])
            return finite_candidates(boxes, scores[chosen, class_id], class_id, scale=self._scale)
        # The maximum runs along contiguous rows; which class it was is asked only for the few columns that are left.
        best = rows[BOX_ROWS:].max(axis=0)
        chosen = np.flatnonzero(best >= score_threshold)
        picked = rows[:, chosen]
        class_id = picked[BOX_ROWS:].argmax(axis=0)
        return finite_candidates(corners(*picked[:BOX_ROWS]), best[chosen], class_id, scale=self._scale)
