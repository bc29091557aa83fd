"""Outputs of Roboflow's RF-DETR as its own exporter writes them: ``dets`` and ``labels``, one row a query.

They are shaped as those of :mod:`streamvision.inference.heads.detr`, but each logit has a sigmoid of its own even
where there is a column more than classes, which is the background then. The published weights have COCO's 91
numbers and no background. Pictures are stretched, and normalised by ImageNet's mean and deviation. Source:
https://rfdetr.roboflow.com/latest/exports/onnx/
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.coco import COCO_CATEGORIES
from streamvision.inference.heads.detr import COCO_COLUMNS, DetrHead, sigmoid
from streamvision.inference.heads.layout import F32

OUTPUT_NAMES = {"dets", "labels"}


class RfDetrHead(DetrHead):
    """Two tensors: boxes (batch, queries, 4) and logits (batch, queries, classes or classes + 1)."""

    usual_input = MappingProxyType(
        {"resize": "stretch", "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    )

    @classmethod
    def class_count(cls, outputs: Sequence[TensorSpec]) -> int | None:
        """Return 80 for the columns of COCO; of others the shape does not say whether one is the background."""
        columns = [output.shape[2] for output in outputs if output.name == "labels" and len(output.shape) == 3]
        return len(COCO_CATEGORIES) if columns == [COCO_COLUMNS] else None

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether the two outputs have the names that RF-DETR's exporter gives them."""
        return {output.name for output in outputs} == OUTPUT_NAMES

    def _activated(self, logits: F32, count: int) -> F32:
        return sigmoid(logits[..., :count])
