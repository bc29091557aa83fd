"""Output of end-to-end YOLO26-pose, and of pose exports with NMS inside: (batch, boxes, 6 + keypoints * 3).

Each row is left, top, right, bottom, score, class, then x, y and visibility of each keypoint. Source: the models' own
``Pose`` layer, https://docs.ultralytics.com/reference/nn/modules/head/.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from streamvision.core.detections import Detections
from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.heads.base import Candidates
from streamvision.inference.heads.keypoints import keypoint_count, keypoint_values, values_per_keypoint, with_keypoints
from streamvision.inference.heads.layout import box_tensor
from streamvision.inference.heads.yolo_rows import SELECTED_COLUMNS, SelectedRowsHead
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard


class YoloPoseEnd2EndHead(SelectedRowsHead):
    """Columns x1, y1, x2, y2, score, class, then x, y and visibility of each keypoint; one row a box."""

    task = "pose"

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        keypoints, position = keypoint_count(card), box_tensor(outputs)
        columns = None if position is None else outputs[position].shape[2]
        values = values_per_keypoint(columns, SELECTED_COLUMNS, keypoints)
        super().__init__(card, outputs, extra=keypoints * values)
        self._shape = keypoints, values

    def complete(
        self, found: Candidates, outputs: Sequence[NDArray[Any]], *, slot: int, place: Letterbox
    ) -> Detections:
        """Return the candidates that are left, with keypoints, in the picture's own pixels."""
        return with_keypoints(found, keypoint_values(found, self._shape, self._scale), place)
