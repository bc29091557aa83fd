"""Raw output of ultralytics' models for oriented boxes: (batch, 4 + classes + 1, boxes), the angle in radians last.

The network has already decoded centre, size and angle and applied the sigmoid to the class scores. Source: the models'
own ``OBB`` layer, https://docs.ultralytics.com/reference/nn/modules/head/.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections
from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.heads.base import Candidates
from streamvision.inference.heads.layout import F32
from streamvision.inference.heads.oriented import complete_oriented, oriented_candidates
from streamvision.inference.heads.yolo_rows import BOX_ROWS, RawRowsHead
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard


class YoloObbHead(RawRowsHead):
    """Rows cx, cy, w, h, one score a class, the angle; one column a box."""

    task = "obb"
    class_axis = (1, BOX_ROWS + 1)

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        super().__init__(card, outputs, extra=1, extra_meaning=" with the angle last")

    def _candidates(self, columns: F32, score: F32, class_id: NDArray[np.integer[Any]]) -> Candidates:
        return oriented_candidates(columns[:BOX_ROWS].T, columns[-1], score, class_id, scale=self._scale)

    def complete(
        self, found: Candidates, outputs: Sequence[NDArray[Any]], *, slot: int, place: Letterbox
    ) -> Detections:
        """Return the candidates that are left, upright and oriented, in the picture's own pixels."""
        return complete_oriented(found, place)
