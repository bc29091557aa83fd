"""Outputs of YOLO detectors: boxes with one score a class, raw or already selected.

The networks have applied the sigmoid to scores and, YOLOX apart, decoded the boxes. Sources: ultralytics' ``Detect``
layer, https://docs.ultralytics.com/reference/nn/modules/head/; YOLOv5's,
https://github.com/ultralytics/yolov5/blob/master/models/yolo.py; end-to-end models,
https://docs.ultralytics.com/models/yolov10/, and exports with NMS inside, https://docs.ultralytics.com/modes/export/;
"YOLOX: Exceeding YOLO Series in 2021" (arXiv:2107.08430), section 2.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np

from streamvision.inference.heads.base import Candidates
from streamvision.inference.heads.box_tensor import (
    BOX_ROWS,
    SELECTED_COLUMNS,
    BoxTensorHead,
    RawRowsHead,
    SelectedRowsHead,
)
from streamvision.inference.heads.layout import (
    F32,
    SCORES_AT,
    best_classes,
    cell_counts,
    corners,
    every_class_of,
    finite_candidates,
    possible_cell_counts,
)
from streamvision.inference.model_card import ModelCard
from streamvision.inference.tensors import TensorSpec


class YoloV8Head(RawRowsHead):
    """Rows cx, cy, w, h, then one score a class; one column a box."""

    class_axis = (1, BOX_ROWS)

    @staticmethod
    def _settles(size_px: tuple[int, int], rows: int | None, columns: int | None) -> bool:
        """Say whether the last axis has one column for each grid cell of the input."""
        return rows is not None and rows > BOX_ROWS and columns in cell_counts(*size_px)


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


class YoloEnd2EndHead(SelectedRowsHead):
    """Columns x1, y1, x2, y2, score, class; one row a box."""

    @staticmethod
    def _settles(size_px: tuple[int, int], rows: int | None, columns: int | None) -> bool:
        """Say whether there are six columns, and not as many rows as a raw output for one class would have."""
        cells = cell_counts(*size_px)
        raw = cells | {ANCHORS_PER_CELL * count for count in cells}
        return columns == SELECTED_COLUMNS and rows is not None and rows not in raw


STRIDES_PX = (8, 16, 32)


class YoloxHead(BoxTensorHead):
    """Columns dx, dy, log w, log h, objectness, then one score a class; one row a grid cell, finest grid first.

    Centre = (offset + cell) * stride, size = exp(log size) * stride. An export made with ``--decode_in_inference`` has
    the same shape but must not be decoded again; :mod:`streamvision.inference.grid_probe` tells them apart.

    YOLOX itself measures a box's best class alone, so ``every_class`` changes nothing.
    """

    class_axis = (2, SCORES_AT)
    usual_input = MappingProxyType({"color": "bgr", "scale": 1.0, "resize": "letterbox_top_left", "pad_value": 114})

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        self._cell, self._stride_px = grid_cells(card.input.width_px, card.input.height_px)
        rows, columns = len(self._cell), SCORES_AT + len(card.names)
        super().__init__(
            card,
            outputs,
            expected=(None, rows, columns),
            meaning=f"one output (batch, {rows}, {columns}) for its {card.input.width_px}x{card.input.height_px} input",
        )

    def _decode_picture(self, rows: F32, score_threshold: float, every_class: bool) -> Candidates:
        chosen, score, class_id = best_classes(rows, score_threshold=score_threshold)
        stride_px = self._stride_px[chosen, None]
        with np.errstate(over="ignore", invalid="ignore"):  # rows that overflow are dropped by finite_candidates
            picked = rows[chosen, :4]
            picked[:, :2] += self._cell[chosen]
            np.exp(picked[:, 2:], out=picked[:, 2:])
            picked *= stride_px
        return finite_candidates(corners(picked), score, class_id)


def grid_cells(width_px: int, height_px: int) -> tuple[F32, F32]:
    """Return the column and row of each cell as (N, 2) and its stride in pixels as (N,), in the network's order."""
    cells, strides = [], []
    for stride_px in STRIDES_PX:
        columns, rows = width_px // stride_px, height_px // stride_px
        row, column = np.divmod(np.arange(columns * rows), max(columns, 1))
        cells.append(np.stack([column, row], axis=1))
        strides.append(np.full(columns * rows, stride_px))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)
