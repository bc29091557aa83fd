"""YOLOv9 with its auxiliary branch still in: two tensors of boxes, of which the second is the model's own.

Source: ``DualDDetect`` in https://github.com/WongKinYiu/yolov9/blob/main/models/yolo.py, of which ``detect_dual.py``
reads the second tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from streamvision.inference.heads.base import Candidates
from streamvision.inference.heads.layout import cell_counts, input_size_px
from streamvision.inference.heads.yolo_detect import YoloV8Head
from streamvision.inference.model_card import ModelCard
from streamvision.inference.tensors import TensorSpec


class YoloV9TwoHead(YoloV8Head):
    """Two outputs as YOLOv8 has one: rows cx, cy, w, h, then one score a class; one column a box."""

    @classmethod
    def class_count(cls, outputs: Sequence[TensorSpec]) -> int | None:
        """Return how many classes the second tensor has room for."""
        return super().class_count(outputs[1:])

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether there are two outputs of one shape, YOLOv8's, with the names that its exporter gives them."""
        size_px = input_size_px(input_spec)
        if [output.name for output in outputs] != ["output0", "output1"]:
            return False
        alike = outputs[0].shape == outputs[1].shape and len(outputs[0].shape) == 3
        return alike and size_px is not None and outputs[0].shape[2] in cell_counts(*size_px)

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        super().__init__(card, outputs[1:])

    def decode(
        self, outputs: Sequence[NDArray[Any]], *, score_threshold: float, every_class: bool = False
    ) -> list[Candidates]:
        """Return the candidates of each picture in the batch whose score reaches the threshold."""
        return super().decode(outputs[1:], score_threshold=score_threshold, every_class=every_class)
