"""Raw output of YOLOX: (batch, grid cells, 5 + classes), boxes still relative to their grid cell.

The sigmoid of objectness and class scores is inside the network; centre and size are decoded here, as in section 2.1
of "YOLOX: Exceeding YOLO Series in 2021" (arXiv:2107.08430): centre = (offset + cell) * stride, size = exp(log size) *
stride. An export made with ``--decode_in_inference`` has the same shape but must not be decoded again.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np

from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.heads.base import Candidates
from streamvision.inference.heads.box_tensor import BoxTensorHead
from streamvision.inference.heads.layout import F32, corners, finite_candidates
from streamvision.inference.heads.objectness import SCORES_AT, best_classes
from streamvision.inference.model_card import ModelCard

STRIDES_PX = (8, 16, 32)


class YoloxHead(BoxTensorHead):
    """Columns dx, dy, log w, log h, objectness, then one score a class; one row a grid cell, finest grid first.

    YOLOX itself measures a box's best class alone, so ``every_class`` changes nothing.
    """

    class_axis = (2, SCORES_AT)
    usual_input = MappingProxyType({"color": "bgr", "scale": 1.0, "resize": "letterbox_top_left", "pad_value": 114})

    @staticmethod
    def _settles(size_px: tuple[int, int], rows: int | None, columns: int | None) -> bool:
        """Say whether the middle axis has one row for each grid cell of the input."""
        return rows == len(grid_cells(*size_px)[1]) and columns is not None and columns > SCORES_AT

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
