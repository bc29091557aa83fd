"""Output of end-to-end YOLO (YOLOv10, YOLO26) and of exports with NMS inside: (batch, boxes, 6), already selected.

Each row is left, top, right, bottom, score, class. Unused rows have the score 0. Source:
https://docs.ultralytics.com/models/yolov10/ and https://docs.ultralytics.com/modes/export/ (``nms=True``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamvision.backends.base import TensorSpec
from streamvision.heads.base import Candidates
from streamvision.heads.box_tensor import BoxTensorHead
from streamvision.heads.layout import F32, cell_counts, finite_candidates
from streamvision.heads.yolo_v5 import ANCHORS_PER_CELL
from streamvision.model_card import ModelCard

COLUMNS = 6


class YoloEnd2EndHead(BoxTensorHead):
    """Columns x1, y1, x2, y2, score, class; one row a box. Boxes of a class without a name are passed over.

    The network has already chosen boxes and classes, so ``every_class`` changes nothing.
    """

    @staticmethod
    def _settles(size_px: tuple[int, int], rows: int | None, columns: int | None) -> bool:
        """Say whether there are six columns, and not as many rows as a raw output for one class would have."""
        cells = cell_counts(*size_px)
        raw = cells | {ANCHORS_PER_CELL * count for count in cells}
        return columns == COLUMNS and rows is not None and rows not in raw

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        super().__init__(card, outputs, expected=(None, None, COLUMNS), meaning=f"one output (batch, boxes, {COLUMNS})")
        self._classes = len(card.names)

    def _decode_picture(self, rows: F32, score_threshold: float, every_class: bool) -> Candidates:
        score, class_id = rows[:, 4], rows[:, 5]
        chosen = (score >= score_threshold) & (class_id >= 0) & (class_id < self._classes)
        picked = rows[chosen]
        return finite_candidates(picked[:, :4], picked[:, 4], picked[:, 5].astype(np.int32), scale=self._scale)
