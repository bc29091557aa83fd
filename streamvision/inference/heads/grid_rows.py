"""Finished boxes of a grid, one row a cell: four layouts that look alike and like YOLOX' raw offsets.

Sources: YOLOX' ``--decode_in_inference``, https://github.com/Megvii-BaseDetection/YOLOX; YOLOv6's exporter,
https://github.com/meituan/YOLOv6; YOLOv8's tensor with its last two axes exchanged; DeepStream-Yolo's exporters,
https://github.com/marcoslucianops/DeepStream-Yolo. Which one a file has is settled in
:mod:`streamvision.inference.grid_probe`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamvision.inference.heads.base import Candidates
from streamvision.inference.heads.box_tensor import BOX_ROWS, SELECTED_COLUMNS, BoxTensorHead, RawRowsHead
from streamvision.inference.heads.layout import (
    F32,
    SCORES_AT,
    NamedClasses,
    best_classes,
    corners,
    every_class_of,
    finite_candidates,
    possible_cell_counts,
)
from streamvision.inference.heads.yolo_detect import YoloxHead
from streamvision.inference.model_card import ModelCard
from streamvision.inference.tensors import TensorSpec


class _GridRowsHead(BoxTensorHead):
    """One row for each grid cell of the input, with a given number of columns."""

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec], *, columns: int) -> None:
        width_px, height_px = card.input.width_px, card.input.height_px
        super().__init__(
            card,
            outputs,
            expected=(None, possible_cell_counts(width_px, height_px), columns),
            meaning=f"one output (batch, boxes, {columns}), one box for each grid cell of its "
            f"{width_px}x{height_px} input",
        )


class YoloV6Head(_GridRowsHead):
    """Columns cx, cy, w, h in pixels, objectness (always 1), then one score a class."""

    class_axis = (2, SCORES_AT)

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        super().__init__(card, outputs, columns=SCORES_AT + len(card.names))

    def _decode_picture(self, rows: F32, score_threshold: float, every_class: bool) -> Candidates:
        select = every_class_of if every_class else best_classes
        chosen, score, class_id = select(rows, score_threshold=score_threshold)
        return finite_candidates(corners(rows[chosen]), score, class_id, scale=self._scale)


class YoloxDecodedHead(YoloV6Head):
    """Columns cx, cy, w, h in pixels, objectness, then one score a class; fed as YOLOX is."""

    usual_input = YoloxHead.usual_input


class YoloV8RowsHead(RawRowsHead):
    """Columns cx, cy, w, h in pixels, then one score a class: YOLOv8's tensor the other way round."""

    class_axis = (2, BOX_ROWS)
    box_axis = 1

    def _decode_picture(self, rows: F32, score_threshold: float, every_class: bool) -> Candidates:
        return super()._decode_picture(rows.T, score_threshold, every_class)


class DeepStreamHead(_GridRowsHead):
    """Columns x1, y1, x2, y2 in pixels, score, class; duplicates are still in."""

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        super().__init__(card, outputs, columns=SELECTED_COLUMNS)
        self._named = NamedClasses(card)

    def _decode_picture(self, rows: F32, score_threshold: float, every_class: bool) -> Candidates:
        picked = rows[rows[:, 4] >= score_threshold]
        picked = picked[self._named.among(picked[:, 5])]
        return finite_candidates(picked[:, :4], picked[:, 4], picked[:, 5].astype(np.int32), scale=self._scale)
