"""Raw output of YOLOv5 (also YOLOv7): (batch, boxes, 5 + classes), three anchors a grid cell.

The network has already decoded the boxes (centre and size) and applied the sigmoid; a box's score is objectness
times class score. Source: ``Detect`` in https://github.com/ultralytics/yolov5/blob/master/models/yolo.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.heads.base import Candidates
from streamvision.inference.heads.box_tensor import BoxTensorHead
from streamvision.inference.heads.layout import F32, cell_counts, corners, finite_candidates, possible_cell_counts
from streamvision.inference.heads.objectness import best_classes, every_class_of
from streamvision.inference.model_card import ModelCard

ANCHORS_PER_CELL = 3
SCORE_COLUMNS_AT = 5


class YoloV5Head(BoxTensorHead):
    """Columns cx, cy, w, h, objectness, then one score a class; one row a box."""

    class_axis = (2, SCORE_COLUMNS_AT)

    @staticmethod
    def _settles(size_px: tuple[int, int], rows: int | None, columns: int | None) -> bool:
        """Say whether the middle axis has three rows for each grid cell of the input."""
        anchors = {ANCHORS_PER_CELL * cells for cells in cell_counts(*size_px)}
        return rows in anchors and columns is not None and columns > SCORE_COLUMNS_AT

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        columns = SCORE_COLUMNS_AT + len(card.names)
        size = card.input.width_px, card.input.height_px
        boxes = {ANCHORS_PER_CELL * cells for cells in possible_cell_counts(*size)}
        super().__init__(
            card,
            outputs,
            expected=(None, boxes, columns),
            meaning=f"one output (batch, boxes, {columns}), three boxes for each grid cell of its "
            f"{size[0]}x{size[1]} input",
        )

    def _decode_picture(self, rows: F32, score_threshold: float, every_class: bool) -> Candidates:
        select = every_class_of if every_class else best_classes
        chosen, score, class_id = select(rows, score_threshold=score_threshold)
        return finite_candidates(corners(rows[chosen]), score, class_id, scale=self._scale)
