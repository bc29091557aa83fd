"""Raw output of YOLOv5 (also YOLOv7): (batch, boxes, 5 + classes), three anchors a grid cell.

The network has already decoded the boxes (centre and size) and applied the sigmoid; a box's score is objectness
times class score. Source: ``Detect`` in https://github.com/ultralytics/yolov5/blob/master/models/yolo.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from streamvision.backends.base import TensorSpec
from streamvision.heads.base import Candidates
from streamvision.heads.layout import (
    F32,
    BoxTensor,
    box_scale,
    box_tensor,
    cell_counts,
    corners,
    finite_candidates,
    input_size_px,
    possible_cell_counts,
)
from streamvision.heads.objectness import best_classes, every_class_of
from streamvision.model_card import ModelCard

ANCHORS_PER_CELL = 3
SCORE_COLUMNS_AT = 5


class YoloV5Head:
    """Columns cx, cy, w, h, objectness, then one score a class; one row a box."""

    @staticmethod
    def matches(input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether the middle axis has three rows for each grid cell of the input."""
        size, position = input_size_px(input_spec), box_tensor(outputs)
        if size is None or position is None:
            return False
        _, rows, columns = outputs[position].shape
        anchors = {ANCHORS_PER_CELL * cells for cells in cell_counts(*size)}
        return rows in anchors and columns is not None and columns > SCORE_COLUMNS_AT

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        columns = SCORE_COLUMNS_AT + len(card.names)
        size = card.input.width_px, card.input.height_px
        boxes = {ANCHORS_PER_CELL * cells for cells in possible_cell_counts(*size)}
        self._tensor = BoxTensor(
            card,
            outputs,
            expected=(None, boxes, columns),
            meaning=f"one output (batch, boxes, {columns}), three boxes for each grid cell of its "
            f"{size[0]}x{size[1]} input",
        )
        self._scale = box_scale(card)

    def decode(
        self, outputs: Sequence[NDArray[Any]], *, score_threshold: float, every_class: bool = False
    ) -> list[Candidates]:
        """Return the candidates of each picture whose objectness times class score reaches the threshold."""
        return [self._decode_picture(rows, score_threshold, every_class) for rows in self._tensor.of(outputs)]

    def _decode_picture(self, rows: F32, score_threshold: float, every_class: bool) -> Candidates:
        select = every_class_of if every_class else best_classes
        chosen, score, class_id = select(rows, score_threshold=score_threshold)
        return finite_candidates(corners(*rows[chosen, :4].T), score, class_id, scale=self._scale)
