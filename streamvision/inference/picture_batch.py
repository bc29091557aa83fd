"""Whole pictures as the input of models whose graph resizes and converts them: one copy of what the decoder gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError
from streamvision.core.model_location import ModelLocation
from streamvision.core.picture import Picture, Planes, YuvPicture, yuv_to_rgb
from streamvision.inference.backends.base import Backend
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import InputCard
from streamvision.inference.tensors import YUV_TO_RGB


class PictureBatch:
    """A preallocated batch of whole pictures of one size, in the layout of the card's ``pixel_format``.

    Args:
        card: how the graph fits pictures into the network's input.
        capacity: how many pictures there is room for.
        width_px: width of the pictures.
        height_px: their height.
    """

    def __init__(self, card: InputCard, capacity: int, *, width_px: int, height_px: int) -> None:
        self._card = card
        self._is_planar = card.pixel_format == "yuv420p"
        self._width_px, self._height_px = width_px, height_px
        if self._is_planar:
            # Where a side is odd, the last line stands there twice, as chroma has it for both.
            self._width_px, self._height_px = width_px + width_px % 2, height_px + height_px % 2
            shape: tuple[int, ...] = (capacity, self._height_px * 3 // 2, self._width_px, 1)
        else:
            shape = (capacity, height_px, width_px, 3)
        self.tensor: NDArray[np.uint8] = np.zeros(shape, np.uint8)
        """(capacity, H, W, 3) BGR, or (capacity, 3 H / 2, W, 1) I420."""
        fitted = Letterbox.fit(self._width_px, self._height_px, card)
        self._letterbox = replace(fitted, picture_width_px=width_px, picture_height_px=height_px)
        self._to_rgb = np.zeros((capacity, 12), np.float32)

    @property
    def capacity(self) -> int:
        """How many pictures there is room for."""
        return len(self.tensor)

    def put(self, index: int, picture: Picture) -> Letterbox:
        """Copy a picture to a place in the batch and return where it lies within the network's input."""
        if self._is_planar:
            self._put_planes(index, picture)
        else:
            np.copyto(self.tensor[index], picture.to_bgr())
        return self._letterbox

    def companions(self, count: int) -> Mapping[str, NDArray[np.float32]]:
        """Return what goes beside the first ``count`` pictures, by the input's name."""
        return {YUV_TO_RGB: self._to_rgb[:count]} if self._is_planar else {}

    def _put_planes(self, index: int, picture: Picture) -> None:
        planes: Planes
        if isinstance(picture, YuvPicture):
            planes, matrix = picture, yuv_to_rgb(picture.full_range, picture.matrix)
        else:
            planes, matrix = picture.to_canvas(), yuv_to_rgb(True, "bt601")
        self._to_rgb[index] = matrix.reshape(-1)
        flat = self.tensor[index].reshape(-1)
        area = self._width_px * self._height_px
        luma = flat[:area].reshape(self._height_px, self._width_px)
        height, width = planes.y.shape
        luma[:height, :width] = planes.y
        luma[height:, :width] = planes.y[-1:]
        luma[:, width:] = luma[:, width - 1 : width]
        for at, plane in enumerate((planes.u, planes.v)):
            begin = area + at * area // 4
            np.copyto(flat[begin : begin + area // 4].reshape(plane.shape), plane)


def check_arithmetic(backend: Backend, card: InputCard, *, path: ModelLocation) -> None:
    """Refuse to resize in half precision, in which places of pixels lose their fractions.

    ONNX Runtime keeps to the types in the file; OpenVINO computes the whole graph in one precision.

    Raises:
        ModelError: when the backend computes so, and the graph resizes.
    """
    if card.pixel_format is not None and backend.name == "openvino" and backend.precision in ("fp16", "bf16"):
        raise ModelError(
            f"{path} resizes whole pictures in its graph, for which {backend.precision} on {backend.device} is not "
            "exact enough; give --precision fp32, or export it without --pixel-format"
        )
