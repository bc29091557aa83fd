"""Output of end-to-end YOLO26-seg, and of segmentation exports with NMS inside: (batch, boxes, 6 + 32) and prototypes.

Each row is left, top, right, bottom, score, class and the 32 mask weights. Source: the models' own ``Segment`` layer,
https://docs.ultralytics.com/reference/nn/modules/head/.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from streamvision.core.detections import Detections
from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.heads.base import Candidates
from streamvision.inference.heads.yolo_rows import SelectedRowsHead
from streamvision.inference.heads.yolo_seg import PROTOTYPES, PrototypeOutput
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard


class YoloSegEnd2EndHead(SelectedRowsHead):
    """Columns x1, y1, x2, y2, score, class, 32 mask weights; one row a box."""

    task = "segment"

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        super().__init__(card, outputs, extra=PROTOTYPES)
        self._prototypes = PrototypeOutput(card, outputs)

    def complete(
        self, found: Candidates, outputs: Sequence[NDArray[Any]], *, slot: int, place: Letterbox
    ) -> Detections:
        """Return the candidates that are left, with masks, in the picture's own pixels.

        Raises:
            ModelError: when the prototypes have another shape than the model said.
        """
        return self._prototypes.complete(found, outputs, slot=slot, place=place)
