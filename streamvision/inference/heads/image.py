"""Output of networks that turn a picture into a picture: (batch, 3, h, w), in the input's own scaling.

Denoising autoencoders, style networks and super-resolution; the output may be larger or smaller than the input. What
scale, mean, standard deviation and colour order the card states for the input is undone on the output.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.core.image_result import ImageResult
from streamvision.core.picture import BgrPicture
from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.heads.base import PictureHead
from streamvision.inference.heads.layout import describe_outputs
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard


class ImageHead(PictureHead):
    """One tensor with three channels, first or last; the letterbox is cut away."""

    task = "image"

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say no: a map of three classes looks the same."""
        return False

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        self._card = card.input
        if len(outputs) != 1 or _channel_axis(outputs[0].shape) is None:
            raise UnknownHeadError(
                f"the model's outputs are {describe_outputs(outputs)}, but head {card.head!r} reads one picture "
                "(batch, 3, h, w) or (batch, h, w, 3); give the head that belongs to this model"
            )

    def read(self, outputs: Sequence[NDArray[Any]], places: Sequence[Letterbox]) -> list[ImageResult]:
        """Return the picture that was made of each picture.

        Raises:
            ModelError: when the tensor has no three channels, or the network has left nothing of a picture.
        """
        tensor = outputs[0]
        axis = _channel_axis(tensor.shape)
        if axis is None:
            raise ModelError(f"the model returned {tensor.shape}, which is no picture; check the exported file")
        last = tensor if axis == 3 else tensor.transpose(0, 2, 3, 1)
        return [
            ImageResult(picture=BgrPicture(self._levels(pixels, place)))
            for pixels, place in zip(last, places, strict=False)
        ]

    def _levels(self, pixels: NDArray[Any], place: Letterbox) -> NDArray[np.uint8]:
        """Return (h, w, 3) BGR levels of the part that shows the picture."""
        rows, columns, _ = pixels.shape
        part = place.visible(self._card)
        top, bottom = (round(y * rows / self._card.height_px) for y in (part.top, part.bottom))
        left, right = (round(x * columns / self._card.width_px) for x in (part.left, part.right))
        values = pixels[top:bottom, left:right].astype(np.float32)
        if not values.size:
            raise ModelError(f"the model returned a picture of {columns}x{rows}, too small to be cut; check the file")
        if self._card.std is not None:
            values *= np.array(self._card.std, np.float32)
        if self._card.mean is not None:
            values += np.array(self._card.mean, np.float32)
        values *= np.float32(1 / self._card.scale)
        levels = np.rint(np.clip(np.nan_to_num(values), 0, 255)).astype(np.uint8)
        return np.ascontiguousarray(levels[..., ::-1] if self._card.color == "rgb" else levels)


def _channel_axis(shape: Sequence[int | None]) -> int | None:
    if len(shape) != 4:
        return None
    return next((axis for axis in (1, 3) if shape[axis] == 3), None)
