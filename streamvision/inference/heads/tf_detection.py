"""Detectors of TensorFlow's Object Detection API as tf2onnx converts them from their saved models.

Source: https://github.com/tensorflow/models/blob/master/research/object_detection/g3doc/tf2_detection_zoo.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from streamvision.inference.heads.selected_rows import Rows, SelectedObjectsHead, used_rows
from streamvision.inference.tensors import TensorSpec

_NAMES = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")
_LEFT_FIRST = [1, 0, 3, 2]


class TfDetectionHead(SelectedObjectsHead):
    """``detection_boxes`` (batch, K, 4) top, left, bottom and right in fractions of the input, ``detection_classes``
    (batch, K) from 1, ``detection_scores`` (batch, K) and ``num_detections`` (batch,); further outputs are not read.

    The saved models scale pictures themselves: they take levels.
    """

    meaning = "detection_boxes (batch, K, 4), detection_classes and detection_scores (batch, K), num_detections (batch)"
    usual_input = MappingProxyType({"resize": "stretch", "scale": 1.0})
    usual_box_unit = "normalized"
    coco_numbers = True

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether the outputs have these names and axes."""
        return cls._positions(outputs) is not None

    @classmethod
    def _positions(cls, outputs: Sequence[TensorSpec]) -> tuple[int, ...] | None:
        names = [output.name.partition(":")[0] for output in outputs]
        found = tuple(names.index(name) for name in _NAMES) if set(_NAMES) <= set(names) else None
        axes = None if found is None else [len(outputs[at].shape) for at in found]
        floats = found is not None and "int" not in outputs[found[2]].dtype  # TensorRT's plug-in has whole numbers
        return found if axes == [3, 2, 2, 1] and floats else None

    def _pictures(self, tensors: Sequence[NDArray[Any]]) -> Iterable[Rows]:
        for box, score, class_id, number in zip(*tensors, strict=True):
            used = used_rows(number)
            yield Rows(box[used][:, _LEFT_FIRST], score[used], class_id[used] - 1)
