"""Executes Core ML's NonMaximumSuppression model as Apple documents it.

Source: the comments of ``NonMaximumSuppression.proto`` in https://github.com/apple/coremltools, method PickTop: boxes
below the confidence threshold are discarded; the most confident one is kept and those that overlap it too much are
discarded, again and again; with ``perClass``, only boxes with the same best class suppress each other. Rows keep all
their class confidences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Suppression:
    """What a NonMaximumSuppression model says of itself."""

    confidence_input: str
    """Name of the input (N, classes)."""
    coordinates_input: str
    """Name of the input (N, 4) centre and size."""
    confidence_output: str
    """Name of the output (kept, classes)."""
    coordinates_output: str
    """Name of the output (kept, 4)."""
    confidence_threshold_input: str
    """Name of the optional input that overrides the threshold; empty where there is none."""
    iou_threshold_input: str
    """Name of the optional input that overrides the overlap; empty where there is none."""
    confidence_threshold: float
    """Lowest confidence of a box, of its best class."""
    iou_threshold: float
    """Overlap above which the less confident of two boxes goes."""
    per_class: bool
    """Whether only boxes with the same best class suppress each other."""
    labels: tuple[str, ...]
    """Class names."""

    @classmethod
    def read(cls, spec: Any) -> Suppression:
        """Read Core ML's protobuf message of such a model.

        Raises:
            ModelError: when it suppresses by another method.
        """
        nms = spec.nonMaximumSuppression
        if nms.WhichOneof("SuppressionMethod") != "pickTop":
            raise ModelError("the NonMaximumSuppression model suppresses by another method than PickTop")
        return cls(
            confidence_input=nms.confidenceInputFeatureName,
            coordinates_input=nms.coordinatesInputFeatureName,
            confidence_output=nms.confidenceOutputFeatureName,
            coordinates_output=nms.coordinatesOutputFeatureName,
            confidence_threshold_input=nms.confidenceThresholdInputFeatureName,
            iou_threshold_input=nms.iouThresholdInputFeatureName,
            confidence_threshold=nms.confidenceThreshold,
            iou_threshold=nms.iouThreshold,
            per_class=nms.pickTop.perClass,
            labels=tuple(nms.stringClassLabels.vector),
        )

    def run(
        self,
        confidence: F32,
        coordinates: F32,
        *,
        confidence_threshold: float | None = None,
        iou_threshold: float | None = None,
    ) -> dict[str, F32]:
        """Return the outputs by name, the most confident box first.

        Args:
            confidence: (N, classes) confidence of each class.
            coordinates: (N, 4) centre x, centre y, width, height.
            confidence_threshold: instead of the model's own.
            iou_threshold: instead of the model's own.
        """
        lowest = self.confidence_threshold if confidence_threshold is None else confidence_threshold
        limit = self.iou_threshold if iou_threshold is None else iou_threshold
        best = confidence.max(axis=1)
        order = np.argsort(-best, kind="stable")
        left = order[best[order] >= lowest]
        class_id = confidence.argmax(axis=1)
        kept: list[int] = []
        while len(left):
            top, left = int(left[0]), left[1:]
            kept.append(top)
            suppressed = _overlap(coordinates[top], coordinates[left]) > limit
            if self.per_class:
                suppressed &= class_id[left] == class_id[top]
            left = left[~suppressed]
        return {self.confidence_output: confidence[kept], self.coordinates_output: coordinates[kept]}


def _overlap(box: F32, others: F32) -> F32:
    """Return (N,) intersection over union of one box with (N, 4) others, centre and size."""
    low = np.maximum(box[:2] - box[2:] / 2, others[:, :2] - others[:, 2:] / 2)
    high = np.minimum(box[:2] + box[2:] / 2, others[:, :2] + others[:, 2:] / 2)
    shared = np.clip(high - low, 0, None).prod(axis=1)
    union = box[2:].prod() + others[:, 2:].prod(axis=1) - shared
    overlap: F32 = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlap
