"""torchvision's detectors as ``torch.onnx.export`` leaves them: one picture, without the batch axis.

Source: https://docs.pytorch.org/vision/stable/models.html#object-detection-instance-segmentation-and-person-keypoint-detection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from numpy.typing import NDArray

from streamvision.inference.heads.selected_rows import Rows, SelectedObjectsHead, by_names
from streamvision.inference.tensors import TensorSpec


class TorchvisionOnnxHead(SelectedObjectsHead):
    """``boxes`` (N, 4) left, top, right and bottom in pixels of the input, ``labels`` (N,) with the background as 0,
    ``scores`` (N,). Further outputs, such as masks, are not read."""

    meaning = "boxes (N, 4), labels (N) and scores (N), without a batch axis"
    coco_numbers = True

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether the outputs have these names and axes and no others."""
        return len(outputs) == 3 and cls._positions(outputs) is not None

    @classmethod
    def _positions(cls, outputs: Sequence[TensorSpec]) -> tuple[int, ...] | None:
        found = by_names(outputs, ("boxes",), ("scores",), ("labels",))
        axes = None if found is None else [len(outputs[at].shape) for at in found]
        return found if axes == [2, 1, 1] else None

    def _pictures(self, tensors: Sequence[NDArray[Any]]) -> Iterable[Rows]:
        boxes, scores, labels = tensors
        return [Rows(boxes, scores, labels - 1)]
