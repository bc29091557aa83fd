"""YOLOv4 as pytorch-YOLOv4 exports it. Source: https://github.com/Tianxiaomo/pytorch-YOLOv4."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from streamvision.inference.heads.boxes_and_scores import BoxesAndScoresHead, positions
from streamvision.inference.heads.layout import F32
from streamvision.inference.tensors import TensorSpec


class YoloV4Head(BoxesAndScoresHead):
    """Boxes (batch, N, 1, 4) are left, top, right and bottom in fractions of the input; pictures are stretched."""

    usual_input = MappingProxyType({"resize": "stretch"})

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether the boxes have the axis of size 1 that only this exporter gives them."""
        found = positions(outputs)
        return found is not None and len(outputs[found[0]].shape) == 4

    def _input_boxes(self, rows: F32) -> F32:
        return rows * self._size_px
