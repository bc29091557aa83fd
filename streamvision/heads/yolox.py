"""Raw output of YOLOX: (batch, grid cells, 5 + classes), boxes still relative to their grid cell.

The sigmoid of objectness and class scores is inside the network; centre and size are decoded here, as in section 2.1
of "YOLOX: Exceeding YOLO Series in 2021" (arXiv:2107.08430): centre = (offset + cell) * stride, size = exp(log size) *
stride. An export made with ``--decode_in_inference`` has the same shape but must not be decoded again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.backends.base import TensorSpec
from streamvision.heads.base import Candidates
from streamvision.heads.layout import F32, BoxTensor, box_tensor, corners, finite_candidates, input_size_px
from streamvision.heads.objectness import SCORES_AT, best_classes
from streamvision.model_card import ModelCard

STRIDES_PX = (8, 16, 32)


class YoloxHead:
    """Columns dx, dy, log w, log h, objectness, then one score a class; one row a grid cell, finest grid first."""

    @staticmethod
    def matches(input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether the middle axis has one row for each grid cell of the input."""
        size, position = input_size_px(input_spec), box_tensor(outputs)
        if size is None or position is None:
            return False
        _, rows, columns = outputs[position].shape
        return rows == len(grid_cells(*size)[1]) and columns is not None and columns > SCORES_AT

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        self._cell, self._stride_px = grid_cells(card.input.width_px, card.input.height_px)
        rows, columns = len(self._cell), SCORES_AT + len(card.names)
        self._tensor = BoxTensor(
            card,
            outputs,
            expected=(None, rows, columns),
            meaning=f"one output (batch, {rows}, {columns}) for its {card.input.width_px}x{card.input.height_px} input",
        )

    def decode(
        self, outputs: Sequence[NDArray[Any]], *, score_threshold: float, every_class: bool = False
    ) -> list[Candidates]:
        """Return the candidates of each picture whose objectness times best class score reaches the threshold.

        YOLOX itself measures the best class alone, so ``every_class`` changes nothing.
        """
        return [self._decode_picture(rows, score_threshold) for rows in self._tensor.of(outputs)]

    def _decode_picture(self, rows: F32, score_threshold: float) -> Candidates:
        chosen, score, class_id = best_classes(rows, score_threshold=score_threshold)
        stride_px = self._stride_px[chosen, None]
        with np.errstate(over="ignore", invalid="ignore"):  # rows that overflow are dropped by finite_candidates
            center_px = (rows[chosen, :2] + self._cell[chosen]) * stride_px
            size_px = np.exp(rows[chosen, 2:4]) * stride_px
        return finite_candidates(corners(*center_px.T, *size_px.T), score, class_id)


def grid_cells(width_px: int, height_px: int) -> tuple[F32, F32]:
    """Return the column and row of each cell as (N, 2) and its stride in pixels as (N,), in the network's order."""
    cells, strides = [], []
    for stride_px in STRIDES_PX:
        columns, rows = width_px // stride_px, height_px // stride_px
        row, column = np.divmod(np.arange(columns * rows), max(columns, 1))
        cells.append(np.stack([column, row], axis=1))
        strides.append(np.full(columns * rows, stride_px))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)
