"""Output of semantic segmentation (DeepLabV3, U-Net, YOLO26-sem): a class for each place of the picture.

Either logits (batch, classes, h, w), whose largest wins; or, with one channel, the logit of class 1 against class 0; or
a finished map of class ids (batch, h, w), as ultralytics' exports give it. The grid may be coarser than the input.
Source: https://docs.pytorch.org/vision/stable/models.html#semantic-segmentation,
https://docs.ultralytics.com/tasks/semantic/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.core.image_result import ImageResult
from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.heads.base import PictureHead
from streamvision.inference.heads.grids import classes_on_content, logits_on_content
from streamvision.inference.heads.layout import F32, describe_outputs
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard

MAX_CLASSES = 256


class SemanticHead(PictureHead):
    """The first output that is a map: of logits, channels first or last, or of class ids."""

    task = "semantic"

    @classmethod
    def class_count(cls, outputs: Sequence[TensorSpec]) -> int | None:
        """Return the number of channels of the only map of logits, channels first."""
        maps = [output.shape for output in outputs if len(output.shape) == 4]
        return maps[0][1] if len(maps) == 1 else None

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say no: pictures and maps of other things look alike."""
        return False

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        self._card = card.input
        self._classes = len(card.names)
        # With one channel there are two classes: the channel's and what is not of it.
        self._channels = {self._classes} | ({1} if self._classes == 2 else set())
        self._at = next((i for i, output in enumerate(outputs) if self._is_map(output)), None)
        if self._at is None or self._classes > MAX_CLASSES:
            raise UnknownHeadError(
                f"the model's outputs are {describe_outputs(outputs)}, but head {card.head!r} with {self._classes} "
                f"classes (at most {MAX_CLASSES}) reads a map (batch, {self._classes}, h, w) of logits or (batch, h, "
                "w) of class ids; give the head and the class names that belong to this model"
            )

    def _is_map(self, output: TensorSpec) -> bool:
        shape = output.shape
        if len(shape) == 4:
            return any(size in (None, *self._channels) for size in (shape[1], shape[3]))
        return len(shape) == 3 and "float" not in output.dtype

    def read(self, outputs: Sequence[NDArray[Any]], places: Sequence[Letterbox]) -> list[ImageResult]:
        """Return the map of classes for each picture, at the resolution that the picture had within the input.

        It equals the reference's (interpolate the logits to the input, take the largest, cut the letterbox away).

        Raises:
            ModelError: when the map has another shape than the model said.
        """
        assert self._at is not None
        grid = outputs[self._at]
        parts = [place.visible(self._card) for place in places]
        if grid.ndim == 3:
            return [
                ImageResult(class_map=classes_on_content(ids, part, self._card).astype(np.uint8))
                for ids, part in zip(grid, parts, strict=False)
            ]
        logits = self._channels_first(grid)
        return [
            ImageResult(class_map=_largest(logits_on_content(channels, part, self._card)))
            for channels, part in zip(logits, parts, strict=False)
        ]

    def _channels_first(self, grid: NDArray[Any]) -> F32:
        if grid.shape[1] in self._channels:
            return grid.astype(np.float32, copy=False)
        if grid.shape[3] in self._channels:
            return np.ascontiguousarray(grid.transpose(0, 3, 1, 2), np.float32)
        raise ModelError(f"the model returned a map {grid.shape} for {self._classes} classes; check the exported file")


def _largest(channels: list[F32]) -> NDArray[np.uint8]:
    """Return the number of the largest channel, the first of equal ones; of a single channel, whether it is above 0."""
    if len(channels) == 1:
        return (channels[0] > 0).astype(np.uint8)
    # A running maximum streams through memory; argmax over the outermost axis takes five times as long.
    best = channels[0].copy()
    class_map = np.zeros(best.shape, np.uint8)
    for class_id, channel in enumerate(channels[1:], start=1):
        class_map[channel > best] = class_id
        np.maximum(best, channel, out=best)
    return class_map
