"""Output of end-to-end YOLO26-obb, and of exports of oriented boxes with NMS inside: (batch, boxes, 7).

Each row is centre x and y, width, height, score, class and the angle in radians. Source: the models' own ``OBB`` layer,
https://docs.ultralytics.com/reference/nn/modules/head/.
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
from streamvision.inference.heads.yolo_rows import BOX_ROWS, CLASS_COLUMN, SCORE_COLUMN, SelectedRowsHead
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard


class YoloObbEnd2EndHead(SelectedRowsHead):
    """Columns cx, cy, w, h, score, class, angle; one row a box."""

    task = "obb"

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        super().__init__(card, outputs, extra=1)

    def _candidates(self, rows: F32) -> Candidates:
        class_id = rows[:, CLASS_COLUMN].astype(np.int32)
        return oriented_candidates(rows[:, :BOX_ROWS], rows[:, -1], rows[:, SCORE_COLUMN], class_id, scale=self._scale)

    def complete(
        self, found: Candidates, outputs: Sequence[NDArray[Any]], *, slot: int, place: Letterbox
    ) -> Detections:
        """Return the candidates that are left, upright and oriented, in the picture's own pixels."""
        return complete_oriented(found, place)
