"""Output of ultralytics' segmentation models: boxes as for detection, 32 mask weights a box, and 32 prototypes.

Raw: (batch, 4 + classes + 32, boxes) and prototypes (batch, 32, height / 4, width / 4), in any order. Source: the
models' own ``Segment`` layer, https://docs.ultralytics.com/reference/nn/modules/head/.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections
from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.heads.base import Candidates
from streamvision.inference.heads.layout import box_tensor, cell_counts, describe_outputs, input_size_px
from streamvision.inference.heads.prototypes import PROTOTYPE_STRIDE_PX, box_masks
from streamvision.inference.heads.yolo_rows import BOX_ROWS, RawRowsHead
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard

PROTOTYPES = 32


class PrototypeOutput:
    """The prototypes among the outputs of a model, and the masks that come of them.

    Raises:
        UnknownHeadError: when no output, or more than one, is a map of prototypes.
    """

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        self._rows_last = card.input.height_px // PROTOTYPE_STRIDE_PX, card.input.width_px // PROTOTYPE_STRIDE_PX
        positions = [i for i, output in enumerate(outputs) if self._is_map(output.shape)]
        if len(positions) != 1:
            raise UnknownHeadError(
                f"the model's outputs are {describe_outputs(outputs)}, but head {card.head!r} also reads one output "
                f"of prototypes (batch, {PROTOTYPES}, {', '.join(map(str, self._rows_last))}); give the head that "
                "belongs to this model"
            )
        self._position = positions[0]

    def complete(
        self, found: Candidates, outputs: Sequence[NDArray[Any]], *, slot: int, place: Letterbox
    ) -> Detections:
        """Return the candidates with their masks, in the picture's own pixels; arguments as for a head."""
        prototypes = outputs[self._position][slot]
        if not self._is_map((1, *prototypes.shape)) or found.extra is None:
            raise ModelError(f"the model returned prototypes {prototypes.shape}; check the exported file")
        if prototypes.shape[0] != PROTOTYPES:
            prototypes = prototypes.transpose(2, 0, 1)
        boxes = place.to_picture(found.box_xyxy_px)
        masks = box_masks(prototypes.astype(np.float32, copy=False), found.extra, boxes, place)
        return Detections(boxes, found.score, found.class_id, mask=masks)

    def _is_map(self, shape: tuple[int | None, ...]) -> bool:
        """Say whether this may be (batch, 32, h, w), or (batch, h, w, 32) as TensorFlow's converters give it."""
        rows, columns = self._rows_last
        wanted = (PROTOTYPES, rows, columns), (rows, columns, PROTOTYPES)
        return len(shape) == 4 and any(
            all(have in (None, want) for have, want in zip(shape[1:], sizes, strict=True)) for sizes in wanted
        )


class YoloSegHead(RawRowsHead):
    """Rows cx, cy, w, h, one score a class, 32 mask weights; one column a box. Masks are made for what is left."""

    task = "segment"
    class_axis = (1, BOX_ROWS + PROTOTYPES)

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether there are raw boxes with more than 36 rows, and one map of 32 prototypes."""
        size_px, position = input_size_px(input_spec), box_tensor(outputs)
        if size_px is None or position is None or len(outputs) != 2:
            return False
        _, rows, columns = outputs[position].shape
        cells = size_px[1] // PROTOTYPE_STRIDE_PX, size_px[0] // PROTOTYPE_STRIDE_PX
        maps = outputs[1 - position].shape[1:]
        return (
            rows is not None
            and rows > BOX_ROWS + PROTOTYPES
            and columns in cell_counts(*size_px)
            and maps in ((PROTOTYPES, *cells), (*cells, PROTOTYPES))
        )

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        super().__init__(card, outputs, extra=PROTOTYPES, extra_meaning=f" with {PROTOTYPES} mask weights a box")
        self._prototypes = PrototypeOutput(card, outputs)

    def complete(
        self, found: Candidates, outputs: Sequence[NDArray[Any]], *, slot: int, place: Letterbox
    ) -> Detections:
        """Return the candidates that are left, with masks, in the picture's own pixels.

        Raises:
            ModelError: when the prototypes have another shape than the model said.
        """
        return self._prototypes.complete(found, outputs, slot=slot, place=place)
