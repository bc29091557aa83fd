"""Output of networks that measure distances: (batch, 1, h, w) or (batch, h, w), in the unit of the network.

Source: https://docs.ultralytics.com/tasks/depth/ and https://github.com/DepthAnything/Depth-Anything-V2
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.core.image_result import ImageResult
from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.heads.base import PictureHead
from streamvision.inference.heads.grids import logits_on_content
from streamvision.inference.heads.layout import describe_outputs
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard


class DepthHead(PictureHead):
    """One tensor with a distance for each place; values as the network gives them."""

    task = "depth"
    usual_input = MappingProxyType({"resize": "stretch"})

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say no: any map with one channel looks like this."""
        return False

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        self._card = card.input
        if len(outputs) != 1 or not _is_map(outputs[0].shape):
            raise UnknownHeadError(
                f"the model's outputs are {describe_outputs(outputs)}, but head {card.head!r} reads one map (batch, 1, "
                "h, w) or (batch, h, w); give the head that belongs to this model"
            )

    def read(self, outputs: Sequence[NDArray[Any]], places: Sequence[Letterbox]) -> list[ImageResult]:
        """Return the map of distances for each picture, at the resolution that the picture had within the input.

        Raises:
            ModelError: when the map has another shape than the model said.
        """
        tensor = outputs[0]
        if not _is_map(tensor.shape):
            raise ModelError(f"the model returned {tensor.shape}, which is no map of distances; check the file")
        if tensor.ndim == 4:
            tensor = tensor[:, 0] if tensor.shape[1] == 1 else tensor[..., 0]
        found = []
        for grid, place in zip(tensor.astype(np.float32, copy=False), places, strict=False):
            (depth,) = logits_on_content(grid[None], place.visible(self._card), self._card)
            found.append(ImageResult(depth_map=depth.copy()))
        return found


def _is_map(shape: Sequence[int | None]) -> bool:
    return len(shape) == 3 or (len(shape) == 4 and 1 in (shape[1], shape[3]))
