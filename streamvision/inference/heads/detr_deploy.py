"""RT-DETR, D-FINE and DEIM as their own tools export them: selected objects, with an input for the picture's size.

Sources: ``tools/export_onnx.py`` in https://github.com/lyuwenyu/RT-DETR and https://github.com/Peterande/D-FINE.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from streamvision.inference.heads.selected_rows import Rows, SelectedObjectsHead, by_names
from streamvision.inference.tensors import TensorSpec


class DetrDeployHead(SelectedObjectsHead):
    """``labels`` (batch, K) of whole numbers from 0, ``boxes`` (batch, K, 4) left, top, right and bottom, ``scores``
    (batch, K). The input ``orig_target_sizes`` is given the input's own size, so that boxes are in its pixels.
    Pictures are stretched."""

    meaning = "labels (batch, K), boxes (batch, K, 4) and scores (batch, K)"
    usual_input = MappingProxyType({"resize": "stretch"})

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether the outputs are these in just this order, which is that of the exporter."""
        return [output.name for output in outputs] == ["labels", "boxes", "scores"] and bool(cls._positions(outputs))

    @classmethod
    def _positions(cls, outputs: Sequence[TensorSpec]) -> tuple[int, ...] | None:
        found = by_names(outputs, ("boxes",), ("scores",), ("labels",))
        axes = None if found is None else [len(outputs[at].shape) for at in found]
        return found if axes == [3, 2, 2] else None

    def _pictures(self, tensors: Sequence[NDArray[Any]]) -> Iterable[Rows]:
        return (Rows(*picture) for picture in zip(*tensors, strict=True))
