"""What the heads of ultralytics' tasks have in common: boxes and classes as for detection, and some values more a box.

In raw outputs a box is a column (centre, size, class scores, the task's values), in selected ones a row (corners,
score, class, the task's values). Source: https://docs.ultralytics.com/reference/nn/modules/head/.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.heads.base import Candidates
from streamvision.inference.heads.box_tensor import BoxTensorHead
from streamvision.inference.heads.layout import F32, corners, finite_candidates, possible_cell_counts
from streamvision.inference.model_card import ModelCard

BOX_ROWS = 4
SCORE_COLUMN, CLASS_COLUMN, SELECTED_COLUMNS = 4, 5, 6


class RawRowsHead(BoxTensorHead):
    """Rows cx, cy, w, h, then one score a class, then what the task adds; one column a box.

    Args:
        card: the model's card.
        outputs: all outputs of the model.
        extra: how many values the task adds.
        extra_meaning: those values in words, for messages.
    """

    def __init__(
        self, card: ModelCard, outputs: Sequence[TensorSpec], *, extra: int = 0, extra_meaning: str = ""
    ) -> None:
        self._classes_end = BOX_ROWS + len(card.names)
        rows = self._classes_end + extra
        size = card.input.width_px, card.input.height_px
        super().__init__(
            card,
            outputs,
            expected=(None, rows, possible_cell_counts(*size)),
            meaning=f"one output (batch, {rows}, boxes){extra_meaning}, one box for each grid cell of its "
            f"{size[0]}x{size[1]} input",
        )
        self._has_extra = extra > 0

    @staticmethod
    def _settles(size_px: tuple[int, int], rows: int | None, columns: int | None) -> bool:
        """Say no: what the task adds looks like further classes."""
        return False

    def _decode_picture(self, rows: F32, score_threshold: float, every_class: bool) -> Candidates:
        class_scores = rows[BOX_ROWS : self._classes_end]
        if every_class:
            chosen, class_id = np.nonzero(score_threshold <= class_scores.T)
            return self._candidates(rows[:, chosen], class_scores[class_id, chosen], class_id)
        # The maximum runs along contiguous rows; which class it was is asked only for the few columns that are left.
        best = class_scores.max(axis=0)
        (chosen,) = (best >= score_threshold).nonzero()
        picked = rows.take(chosen, axis=1)
        return self._candidates(picked, best[chosen], picked[BOX_ROWS : self._classes_end].argmax(axis=0))

    def _candidates(self, columns: F32, score: F32, class_id: NDArray[np.integer[Any]]) -> Candidates:
        """Return the candidates of (rows, N) chosen columns of the tensor."""
        extra = np.ascontiguousarray(columns[self._classes_end :].T) if self._has_extra else None
        return finite_candidates(corners(columns.T), score, class_id, scale=self._scale, extra=extra)


class SelectedRowsHead(BoxTensorHead):
    """Columns x1, y1, x2, y2, score, class, then what the task adds; one row a box, unused ones with the score 0.

    Boxes of a class without a name are passed over. The network has already chosen boxes and classes, so
    ``every_class`` changes nothing.

    Args:
        card: the model's card.
        outputs: all outputs of the model.
        extra: how many values the task adds.
    """

    selected: ClassVar[bool] = True

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec], *, extra: int = 0) -> None:
        columns = SELECTED_COLUMNS + extra
        meaning = f"one output (batch, boxes, {columns})"
        super().__init__(card, outputs, expected=(None, None, columns), meaning=meaning)
        self._classes = len(card.names)
        self._has_extra = extra > 0

    @staticmethod
    def _settles(size_px: tuple[int, int], rows: int | None, columns: int | None) -> bool:
        """Say no: nothing tells what the columns behind the class are."""
        return False

    def _decode_picture(self, rows: F32, score_threshold: float, every_class: bool) -> Candidates:
        score, class_id = rows[:, SCORE_COLUMN], rows[:, CLASS_COLUMN]
        return self._candidates(rows[(score >= score_threshold) & (class_id >= 0) & (class_id < self._classes)])

    def _candidates(self, rows: F32) -> Candidates:
        """Return the candidates of (N, columns) chosen rows of the tensor."""
        extra = rows[:, SELECTED_COLUMNS:] if self._has_extra else None
        score, class_id = rows[:, SCORE_COLUMN], rows[:, CLASS_COLUMN].astype(np.int32)
        return finite_candidates(rows[:, :BOX_ROWS], score, class_id, scale=self._scale, extra=extra)
