"""Raw maps of YOLOv5 and YOLOv7: what their last layer gives before boxes are decoded, one map a scale.

Source: ``Detect`` in https://github.com/ultralytics/yolov5/blob/master/models/yolo.py; the anchors of YOLOv7 are those
of ``cfg/deploy/yolov7.yaml`` in https://github.com/WongKinYiu/yolov7. The file does not say its anchors, so which of
the two it is must be said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError
from streamvision.inference.heads.base import Candidates, ObjectHead
from streamvision.inference.heads.detr import sigmoid
from streamvision.inference.heads.layout import (
    F32,
    HEAD_AND_NAMES,
    SCORES_AT,
    best_classes,
    corners,
    every_class_of,
    finite_candidates,
    unknown_outputs,
)
from streamvision.inference.model_card import ModelCard
from streamvision.inference.tensors import TensorSpec

Anchors = tuple[tuple[tuple[int, int], ...], ...]


class YoloV5MapsHead(ObjectHead):
    """Maps (batch, 3, rows, columns, 5 + classes) or (batch, 3 * (5 + classes), rows, columns) at strides 8, 16, 32.

    Centre = (2 * sigmoid - 0.5 + cell) * stride, size = (2 * sigmoid)^2 * anchor; the rest are sigmoids, too.
    """

    anchors_px: ClassVar[Anchors] = (
        ((10, 13), (16, 30), (33, 23)),
        ((30, 61), (62, 45), (59, 119)),
        ((116, 90), (156, 198), (373, 326)),
    )
    """Width and height of the anchors of each stride, the finest first."""

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        self._columns = SCORES_AT + len(card.names)
        self._size_px = card.input.width_px, card.input.height_px
        self._maps = _map_positions(outputs)
        if len(self._maps) != 3 or any(_columns(outputs[at]) not in (None, self._columns) for at in self._maps):
            reads = f"with {len(card.names)} classes reads three maps (batch, 3, rows, columns, {self._columns})"
            raise unknown_outputs(card, outputs, reads, settled_by=HEAD_AND_NAMES)

    @classmethod
    def class_count(cls, outputs: Sequence[TensorSpec]) -> int | None:
        """Return the columns of a map less those of the box and the objectness."""
        maps = _map_positions(outputs)
        columns = _columns(outputs[maps[0]]) if len(maps) == 3 else None
        return None if columns is None or columns <= SCORES_AT else columns - SCORES_AT

    def decode(
        self, outputs: Sequence[NDArray[Any]], *, score_threshold: float, every_class: bool = False
    ) -> list[Candidates]:
        """Return the candidates of each picture in the batch whose score reaches the threshold.

        Raises:
            ModelError: when the maps do not fit the input's size.
        """
        maps = sorted((self._with_five_axes(outputs[at]) for at in self._maps), key=lambda one: -one.shape[2])
        select = every_class_of if every_class else best_classes
        found = []
        for index in range(len(maps[0])):
            rows = np.concatenate([self._rows(one[index], scale) for scale, one in enumerate(maps)])
            chosen, score, class_id = select(rows, score_threshold=score_threshold)
            found.append(finite_candidates(corners(rows[chosen]), score, class_id))
        return found

    def _with_five_axes(self, tensor: NDArray[Any]) -> F32:
        if tensor.ndim == 4:
            batch, _, rows, columns = tensor.shape
            tensor = tensor.reshape(batch, 3, self._columns, rows, columns).transpose(0, 1, 3, 4, 2)
        if tensor.shape[1] != 3 or tensor.shape[4] != self._columns:
            raise ModelError(f"the model returned a map {tensor.shape}, not (batch, 3, rows, columns, {self._columns})")
        return tensor.astype(np.float32, copy=False)

    def _rows(self, one: F32, scale: int) -> F32:
        """Return (3 * rows * columns, 5 + classes) decoded rows of one picture's map at one scale."""
        _, height, width, _ = one.shape
        values = sigmoid(one)
        cell = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
        stride_px = np.array([self._size_px[0] / width, self._size_px[1] / height], np.float32)
        values[..., :2] = (values[..., :2] * 2 - 0.5 + cell) * stride_px
        anchors = np.array(self.anchors_px[scale], np.float32)[:, None, None]
        values[..., 2:4] = (values[..., 2:4] * 2) ** 2 * anchors
        return values.reshape(-1, self._columns)


class YoloV7MapsHead(YoloV5MapsHead):
    """As :class:`YoloV5MapsHead`, with the anchors of YOLOv7."""

    anchors_px = (
        ((12, 16), (19, 36), (40, 28)),
        ((36, 75), (76, 55), (72, 146)),
        ((142, 110), (192, 243), (459, 401)),
    )


def _map_positions(outputs: Sequence[TensorSpec]) -> list[int]:
    """Return which outputs are maps: those with five axes, or else those with four."""
    five = [i for i, output in enumerate(outputs) if len(output.shape) == 5 and output.shape[1] == 3]
    return five or [i for i, output in enumerate(outputs) if len(output.shape) == 4]


def _columns(output: TensorSpec) -> int | None:
    """Return how many values a box has in a map; ``None`` where its shape does not say."""
    if len(output.shape) == 5:
        return output.shape[4]
    channels = output.shape[1]
    return None if channels is None else channels // 3 if channels % 3 == 0 else 0
