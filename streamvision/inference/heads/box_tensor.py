"""What the heads have in common that read one tensor of boxes; such a head says only what its rows and columns are.

In raw outputs of ultralytics a box is a column (centre, size, class scores, the task's values), in selected ones a row
(corners, score, class, the task's values). Source: https://docs.ultralytics.com/reference/nn/modules/head/.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence, Set
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError
from streamvision.inference.heads.base import Candidates, ObjectHead
from streamvision.inference.heads.layout import (
    F32,
    HEAD_AND_NAMES,
    NamedClasses,
    box_scale,
    box_tensor,
    corners,
    finite_candidates,
    input_size_px,
    possible_cell_counts,
    unknown_outputs,
)
from streamvision.inference.model_card import ModelCard
from streamvision.inference.tensors import TensorSpec


class BoxTensorHead(ObjectHead):
    """A :class:`streamvision.inference.heads.base.Head` for the only output with three axes, checked against a shape.

    Args:
        card: the model's card.
        outputs: all outputs of the model.
        expected: for each axis a size, several possible sizes, or ``None`` where any size will do.
        meaning: the expected shape in words, for messages.

    Raises:
        UnknownHeadError: when the outputs cannot have that shape.
    """

    class_axis: ClassVar[tuple[int, int] | None] = None
    """The axis that holds the classes, and how many other values stand there, where the shape says it."""

    def __init__(
        self, card: ModelCard, outputs: Sequence[TensorSpec], *, expected: Sequence[int | Set[int] | None], meaning: str
    ) -> None:
        self._scale = box_scale(card)  # for networks that give finished boxes
        self._expected = [{want} if isinstance(want, int) else want for want in expected]
        reads = f"with {len(card.names)} classes reads {meaning}"
        self._meaning = f"head {card.head!r} {reads}"
        position = box_tensor(outputs)
        if position is None or not self._fits(outputs[position].shape):
            raise unknown_outputs(card, outputs, reads, settled_by=HEAD_AND_NAMES)
        self._position = position

    @staticmethod
    def _settles(size_px: tuple[int, int], rows: int | None, columns: int | None) -> bool:
        """Say whether a tensor (batch, rows, columns) for inputs of this (width, height) can only be this head's.

        Where a task adds values to a box, they look like further classes.
        """
        return False

    @abstractmethod
    def _decode_picture(self, rows: F32, score_threshold: float, every_class: bool) -> Candidates:
        """Return the candidates of one picture from its part (rows, columns) of the tensor."""

    @classmethod
    def class_count(cls, outputs: Sequence[TensorSpec]) -> int | None:
        """Return how many classes the tensor has room for; ``None`` where its shape does not say."""
        position = box_tensor(outputs)
        if position is None or cls.class_axis is None:
            return None
        axis, others = cls.class_axis
        size = outputs[position].shape[axis]
        return size - others if size is not None and size > others else None

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether these shapes can only be this head's; used for models without any metadata."""
        size_px, position = input_size_px(input_spec), box_tensor(outputs)
        if size_px is None or position is None or any(len(output.shape) == 4 for output in outputs):
            return False  # maps beside the boxes: the columns are not boxes and classes alone
        _, rows, columns = outputs[position].shape
        return cls._settles(size_px, rows, columns)

    def decode(
        self, outputs: Sequence[NDArray[Any]], *, score_threshold: float, every_class: bool = False
    ) -> list[Candidates]:
        """Return the candidates of each picture in the batch whose score reaches the threshold.

        Raises:
            ModelError: when a dynamic axis has turned out in a size that does not fit.
        """
        tensor = outputs[self._position]
        if tensor.ndim != 3 or not self._fits(tensor.shape):
            raise ModelError(f"the model returned {tensor.shape}, but {self._meaning}; check the exported file")
        pictures = tensor.astype(np.float32, copy=False)
        return [self._decode_picture(rows, score_threshold, every_class) for rows in pictures]

    def _fits(self, shape: Sequence[int | None]) -> bool:
        pairs = zip(self._expected, shape, strict=True)
        return all(want is None or have is None or have in want for want, have in pairs)


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

    box_axis: ClassVar[int] = 2
    """Along which axis of the tensor the boxes lie."""

    def __init__(
        self, card: ModelCard, outputs: Sequence[TensorSpec], *, extra: int = 0, extra_meaning: str = ""
    ) -> None:
        self._classes_end = BOX_ROWS + len(card.names)
        rows = self._classes_end + extra
        size = card.input.width_px, card.input.height_px
        cells = possible_cell_counts(*size)
        axes = f"{rows}, boxes" if self.box_axis == 2 else f"boxes, {rows}"
        super().__init__(
            card,
            outputs,
            expected=(None, rows, cells) if self.box_axis == 2 else (None, cells, rows),
            meaning=f"one output (batch, {axes}){extra_meaning}, one box for each grid cell of its "
            f"{size[0]}x{size[1]} input",
        )
        self._has_extra = extra > 0

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

    Boxes of a class without a name are left out, which is said. The network has already chosen boxes and classes, so
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
        self._named = NamedClasses(card)
        self._has_extra = extra > 0

    def _decode_picture(self, rows: F32, score_threshold: float, every_class: bool) -> Candidates:
        likely = rows[rows[:, SCORE_COLUMN] >= score_threshold]
        return self._candidates(likely[self._named.among(likely[:, CLASS_COLUMN])])

    def _candidates(self, rows: F32) -> Candidates:
        """Return the candidates of (N, columns) chosen rows of the tensor."""
        extra = rows[:, SELECTED_COLUMNS:] if self._has_extra else None
        score, class_id = rows[:, SCORE_COLUMN], rows[:, CLASS_COLUMN].astype(np.int32)
        return finite_candidates(rows[:, :BOX_ROWS], score, class_id, scale=self._scale, extra=extra)
