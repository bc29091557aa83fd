"""YOLOv7 exported with ``--end2end`` for ONNX Runtime.

Source: ``export.py`` in https://github.com/WongKinYiu/yolov7.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from numpy.typing import NDArray

from streamvision.inference.heads.selected_rows import Rows, SelectedObjectsHead
from streamvision.inference.model_card import ModelCard
from streamvision.inference.tensors import TensorSpec

_COLUMNS = 7
_MAX_PICTURES = 16
"""Most pictures in a call where the batch is free; the tensor does not say how many there were."""


class YoloV7End2EndHead(SelectedObjectsHead):
    """Rows (objects of all pictures, 7): picture, left, top, right, bottom in pixels of the input, class, score."""

    meaning = "one output (N, 7): picture, left, top, right, bottom, class and score"

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        super().__init__(card, outputs)
        self._count = _MAX_PICTURES if card.input.dynamic_batch else card.input.batch

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether there is just this output."""
        return cls._positions(outputs) is not None

    @classmethod
    def _positions(cls, outputs: Sequence[TensorSpec]) -> tuple[int, ...] | None:
        fits = len(outputs) == 1 and len(outputs[0].shape) == 2 and outputs[0].shape[1] == _COLUMNS
        return (0,) if fits and outputs[0].shape[0] is None else None

    def _pictures(self, tensors: Sequence[NDArray[Any]]) -> Iterable[Rows]:
        for index in range(self._count):
            rows = tensors[0][tensors[0][:, 0] == index]
            yield Rows(rows[:, 1:5], rows[:, 6], rows[:, 5])
