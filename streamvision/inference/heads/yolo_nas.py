"""YOLO-NAS as super-gradients exports it without suppression.

Source: https://github.com/Deci-AI/super-gradients/blob/master/documentation/source/models_export.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from streamvision.inference.heads.boxes_and_scores import BoxesAndScoresHead, positions
from streamvision.inference.heads.layout import F32
from streamvision.inference.tensors import TensorSpec


class YoloNasHead(BoxesAndScoresHead):
    """Boxes are left, top, right and bottom in pixels of the input; the scores have been through the sigmoid."""

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether the outputs bear the names that super-gradients gives them."""
        return {output.name for output in outputs} == {"pred_bboxes", "pred_scores"} and positions(outputs) is not None

    def _input_boxes(self, rows: F32) -> F32:
        return rows
