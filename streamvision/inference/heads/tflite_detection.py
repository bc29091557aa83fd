"""Objects that TFLite's detection post-processing has selected: SSD, EfficientDet-Lite, detectors for MediaPipe.

Source: https://ai.google.dev/edge/litert/models/metadata#object_detection. How float models are fed that say nothing
of it: ``ssd_mobilenet_v2_feature_extractor.py`` of TensorFlow's Object Detection API.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from streamvision.core.errors import ModelError
from streamvision.inference.heads.selected_rows import Rows, SelectedObjectsHead, by_names, used_rows
from streamvision.inference.tensors import TensorSpec

_WORDS = (("boxes", "location"), ("classes", "category"), ("scores",), ("num", "count"))
_ORDERS: Mapping[tuple[int, ...], tuple[int, ...]] = {(3, 2, 2, 1): (0, 1, 2, 3), (2, 3, 1, 2): (1, 3, 0, 2)}
"""Positions of boxes, classes, scores and number by the axes of the outputs: TensorFlow 1 wrote the first order,
TensorFlow 2 writes the second."""
_NUMBERED = (
    (r"TFLite_Detection_PostProcess(?::(\d))?", (0, 1, 2, 3)),
    (r"StatefulPartitionedCall:(\d)", (3, 2, 1, 0)),
)
"""Names of the outputs by converter, and the numbers in them of boxes, classes, scores and number."""
_LEFT_FIRST = [1, 0, 3, 2]


class TfliteDetectionHead(SelectedObjectsHead):
    """Boxes (batch, K, 4), classes (batch, K) from 0, scores (batch, K), and (batch,) how many rows count.

    Boxes are top, left, bottom and right in fractions of the input. Outputs are known by their names, or else by their
    order. Boxes of a class without a name are left out, which is said.
    """

    meaning = (
        "four outputs: boxes (batch, rows, 4), classes (batch, rows), scores (batch, rows) and their number (batch)"
    )
    usual_box_unit = "normalized"
    usual_input = MappingProxyType({"resize": "stretch", "scale": 1 / 127.5, "mean": (1.0, 1.0, 1.0)})
    coco_numbers = True

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether there are four outputs of these shapes."""
        named = any(output.name.startswith("detection_") for output in outputs)  # TensorFlow's own, which differ
        return not named and cls._positions(outputs) is not None

    @classmethod
    def _positions(cls, outputs: Sequence[TensorSpec]) -> tuple[int, ...] | None:
        if len(outputs) != 4:
            return None
        found = by_names(outputs, *_WORDS) or _by_numbers(outputs)
        found = found or _ORDERS.get(tuple(len(output.shape) for output in outputs))
        return found if found and _fits([outputs[at].shape for at in found]) else None

    def _pictures(self, tensors: Sequence[NDArray[Any]]) -> Iterable[Rows]:
        if not _fits([tensor.shape for tensor in tensors]):
            shapes = ", ".join(str(tensor.shape) for tensor in tensors)
            raise ModelError(f"the model returned {shapes}, which is not {self.meaning}; check the exported file")
        for boxes, classes, scores, count in zip(*tensors, strict=True):
            used = used_rows(count)
            yield Rows(boxes[used][:, _LEFT_FIRST], scores[used], classes[used])


def _by_numbers(outputs: Sequence[TensorSpec]) -> tuple[int, ...] | None:
    """Return the positions by the converters' own names, which count the outputs; ``None`` where they have others."""
    for pattern, numbers in _NUMBERED:
        found = [re.fullmatch(pattern, output.name) for output in outputs]
        given = [int(match[1] or 0) for match in found if match]
        if sorted(given) == [0, 1, 2, 3]:
            return tuple(given.index(number) for number in numbers)
    return None


def _fits(shapes: Sequence[Sequence[int | None]]) -> bool:
    if [len(shape) for shape in shapes] != [3, 2, 2, 1]:
        return False
    (_, rows, columns), (_, classes), (_, scores), _ = shapes
    return columns == 4 and rows == classes == scores
