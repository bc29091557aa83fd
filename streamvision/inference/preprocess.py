"""From a picture to the network's input tensor; most exports that go wrong go wrong here.

Where the picture lies within the tensor is :mod:`streamvision.inference.letterbox`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError
from streamvision.core.picture import Picture
from streamvision.core.resampling import Kernel, Window, corner_sampled
from streamvision.inference.known_numbers import band_rows, shown_rgb
from streamvision.inference.letterbox import InputArea, Letterbox
from streamvision.inference.model_card import InputCard


class InputBatch:
    """A preallocated batch tensor. The border around a picture is written only when the picture's letterbox changes.

    Raises:
        ModelError: when the card asks for a scaling that whole numbers cannot hold.
    """

    def __init__(self, card: InputCard, capacity: int) -> None:
        if card.dtype == "uint8" and (card.scale != 1 or card.mean is not None or card.std is not None):
            raise ModelError(
                f"the model's card gives a uint8 input the scale {card.scale:.6g}, mean {card.mean}, std {card.std}; "
                "a uint8 input needs the scale 1 and neither of the others"
            )
        size = (card.height_px, card.width_px)
        channels = card.channels
        shape = (capacity, channels, *size) if card.layout == "nchw" else (capacity, *size, channels)
        self._card = card
        # Models were trained on levels / 255, and a product differs from that in the last bit. That is enough to
        # tip the rounding of a network that quantises at run time: scores then moved by 0.09, boxes by 55 px.
        self._divisor = 1 / card.scale
        self._tables = _tables(card)
        self._border = _border(card, self._tables)
        self.tensor: NDArray[Any] = np.empty(shape, card.dtype)
        """(capacity, channels, H, W) or (capacity, H, W, channels), ready for the backend."""
        self.tensor[...] = self._border
        self._letterboxes: list[Letterbox | None] = [None] * capacity
        self._scratch = np.empty(3 * card.height_px * card.width_px, np.uint8)

    def companions(self, count: int) -> Mapping[str, NDArray[Any]]:
        """Return what goes beside the first ``count`` pictures: nothing."""
        return {}

    @property
    def capacity(self) -> int:
        """How many pictures there is room for."""
        return len(self._letterboxes)

    def put(self, index: int, picture: Picture) -> Letterbox:
        """Write ``picture`` to a place in the batch and return where it lies within the network's input."""
        letterbox = self._letterboxes[index]
        if letterbox is None or not letterbox.is_for(picture):
            letterbox = self._letterboxes[index] = Letterbox.fit(picture.width_px, picture.height_px, self._card)
            self.tensor[index] = self._border
        area = letterbox.visible(self._card)
        small = self._resized(picture, letterbox, area)
        rows, columns = slice(area.top, area.bottom), slice(area.left, area.right)
        if self._card.layout == "nchw":
            self._write(self._planes(small), self.tensor[index, :, rows, columns])
        else:
            self._write(self._packed(small), self.tensor[index, rows, columns])
        for at, known in enumerate(self._card.known):
            self._show(index, band_rows(self._card.height_px, at), shown_rgb(known, picture.known.get(known.name)))
        return letterbox

    def _show(self, index: int, rows: slice, rgb: tuple[int, int, int]) -> None:
        """Write one colour into rows of the tensor."""
        channels = rgb if self._card.color == "rgb" else rgb[::-1]
        values = self._tables[range(len(channels)), channels]
        if self._card.layout == "nchw":
            self.tensor[index, :, rows] = values[:, None, None]
        else:
            self.tensor[index, rows] = values

    def _resized(self, picture: Picture, letterbox: Letterbox, area: InputArea) -> NDArray[np.uint8]:
        """Return the picture's visible part as (h, w, 3) RGB."""
        card = self._card
        size = letterbox.content_width_px, letterbox.content_height_px
        if card.resize == "crop_center" or card.sampling == "bicubic":
            x, y = letterbox.left_px, letterbox.top_px
            window = Window(area.left - x, area.top - y, area.right - x, area.bottom - y)
            kernel: Kernel = "bicubic" if card.sampling == "bicubic" else "bilinear"
            return picture.resize_rgb_smoothly(*size, window, kernel)
        if card.sampling == "pixel_corner":
            return cv2.cvtColor(corner_sampled(picture.to_bgr(), *size), cv2.COLOR_BGR2RGB)  # type: ignore[no-any-return]
        return picture.resize_rgb(*size)

    def _packed(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return (h, w, channels) levels in the card's order of colours."""
        if self._card.color == "rgb":
            return rgb
        if self._card.color == "gray":
            return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)[..., None]
        return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), np.uint8)

    def _planes(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return (channels, h, w) planes in the card's order of colours."""
        if self._card.color == "gray":
            return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)[None]
        # Splitting bytes first and scaling contiguous planes takes half the time of scaling strided channels.
        height, width = rgb.shape[:2]
        planes = self._scratch[: 3 * height * width].reshape(3, height, width)
        cv2.split(rgb, list(planes))
        return planes if self._card.color == "rgb" else planes[::-1]

    def _write(self, pixels: NDArray[np.uint8], target: NDArray[Any]) -> None:
        """Scale (channels, h, w) or (h, w, channels) levels into a part of the tensor."""
        card = self._card
        if card.dtype != "float16" and card.mean is None and card.std is None:
            if card.scale == 1:
                np.copyto(target, pixels, casting="unsafe")
            else:
                np.divide(pixels, self._divisor, out=target, dtype=np.float32, casting="unsafe")
            return
        tables = self._tables
        if card.dtype == "float16":
            # OpenCV knows no look-up of half precision, but the bits may be of any type.
            tables, target = tables.view(np.int16), target.view(np.int16)
        if card.layout == "nchw":
            for plane, table, channel in zip(pixels, tables, target, strict=True):
                cv2.LUT(plane, table, channel)
        else:
            # A packed picture has its tables side by side, in the order of its channels.
            looked_up = cv2.LUT(pixels, np.ascontiguousarray(tables.T)[None], target)
            if looked_up.ndim == 2:  # OpenCV drops an axis of one channel, and then has not written into the target
                target[..., 0] = looked_up


def _tables(card: InputCard) -> NDArray[Any]:
    """Return (channels, 256) the tensor value of each level, by channel in the order of the card's colours.

    The order is torchvision's: divided by 255, less the mean, divided by the standard deviation, each in float32.
    """
    values = np.tile(np.arange(256, dtype=np.float32) / np.float32(1 / card.scale), (3, 1))
    if card.mean is not None:
        values -= np.array(card.mean, np.float32)[:, None]
    if card.std is not None:
        values /= np.array(card.std, np.float32)[:, None]
    return values[: card.channels].astype(card.dtype)


def _border(card: InputCard, tables: NDArray[Any]) -> NDArray[Any]:
    """Return the border's value for each channel, in a shape that fits one picture's part of the tensor."""
    level = 0 if card.resize == "crop_center" else card.pad_value  # torchvision's CenterCrop pads with black
    return tables[:, level, None, None] if card.layout == "nchw" else tables[:, level]
