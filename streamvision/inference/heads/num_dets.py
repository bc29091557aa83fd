"""Objects that TensorRT's ``EfficientNMS`` or a graph in its form has selected.

Source: https://github.com/NVIDIA/TensorRT/tree/main/plugin/efficientNMSPlugin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from numpy.typing import NDArray

from streamvision.inference.heads.selected_rows import Rows, SelectedObjectsHead, by_names, used_rows
from streamvision.inference.tensors import TensorSpec


class NumDetsHead(SelectedObjectsHead):
    """``num_dets`` (batch, 1), ``det_boxes`` (batch, K, 4) left, top, right and bottom in pixels of the input,
    ``det_scores`` (batch, K) and ``det_classes`` (batch, K) of whole numbers from 0."""

    meaning = (
        "num_dets (batch, 1), det_boxes (batch, K, 4), det_scores and det_classes (batch, K), known by these words"
    )

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether the outputs bear these names."""
        return len(outputs) == 4 and cls._positions(outputs) is not None

    @classmethod
    def _positions(cls, outputs: Sequence[TensorSpec]) -> tuple[int, ...] | None:
        found = by_names(outputs, ("num_det",), ("boxes",), ("scores",), ("classes", "labels"))
        if found is None:
            return None
        number, boxes, _, classes = (outputs[at] for at in found)
        counted = len(number.shape) == 2 and "int" in number.dtype and "int" in classes.dtype
        return found if counted and boxes.shape[2:] == (4,) else None

    def _pictures(self, tensors: Sequence[NDArray[Any]]) -> Iterable[Rows]:
        for number, box, score, class_id in zip(*tensors, strict=True):
            used = used_rows(number)
            yield Rows(box[used], score[used], class_id[used])
