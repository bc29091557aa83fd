"""SSD-Mobilenet as jetson-inference trains and exports it.

Source: https://github.com/dusty-nv/pytorch-ssd, its ``onnx_export.py`` and ``mobilenetv1_ssd_config.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from streamvision.inference.heads.boxes_and_scores import BoxesAndScoresHead, positions
from streamvision.inference.heads.layout import F32
from streamvision.inference.tensors import TensorSpec

_SCALE = 1 / 128
_MEAN = (127 / 128,) * 3


class JetsonSsdHead(BoxesAndScoresHead):
    """Boxes are left, top, right and bottom in fractions of the input; the first column of the scores, which are
    probabilities, is the background. Pictures are stretched and fed as (level - 127) / 128."""

    background = 1
    usual_input = MappingProxyType({"resize": "stretch", "scale": _SCALE, "mean": _MEAN})

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether input and outputs bear the names that the exporter gives them."""
        named = input_spec.name == "input_0" and {output.name for output in outputs} == {"scores", "boxes"}
        return named and positions(outputs) is not None

    def _input_boxes(self, rows: F32) -> F32:
        return rows * self._size_px
