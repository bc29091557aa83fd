"""Raw output of ultralytics' pose models: (batch, 4 + classes + keypoints * 3, boxes).

A keypoint is x, y and visibility. The network has already decoded the keypoints, in the unit of the boxes, and applied
the sigmoid to the visibility; there are models with x and y alone. Source: the models' own ``Pose`` layer,
https://docs.ultralytics.com/reference/nn/modules/head/.
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
from streamvision.inference.heads.yolo_rows import BOX_ROWS, RawRowsHead
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard


class YoloPoseHead(RawRowsHead):
    """Rows cx, cy, w, h, one score a class, then x, y and visibility of each keypoint; one column a box."""

    task = "pose"

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        keypoints, position = keypoint_count(card), box_tensor(outputs)
        rows = None if position is None else outputs[position].shape[1]
        values = values_per_keypoint(rows, BOX_ROWS + len(card.names), keypoints)
        super().__init__(
            card, outputs, extra=keypoints * values, extra_meaning=f" with {keypoints} keypoints of {values} values"
        )
        self._shape = keypoints, values

    def complete(
        self, found: Candidates, outputs: Sequence[NDArray[Any]], *, slot: int, place: Letterbox
    ) -> Detections:
        """Return the candidates that are left, with keypoints, in the picture's own pixels."""
        return with_keypoints(found, keypoint_values(found, self._shape, self._scale), place)
