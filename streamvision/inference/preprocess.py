"""From a picture to the network's input tensor; most exports that go wrong go wrong here.

Where the picture lies within the tensor is :mod:`streamvision.inference.letterbox`'s business.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError
from streamvision.core.picture import Picture
from streamvision.core.resampling import Kernel, Window, corner_sampled
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import InputCard


class InputBatch:
    """A preallocated batch tensor; each slot remembers its border, which is written only when the geometry changes.

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
        shape = (capacity, 3, *size) if card.layout == "nchw" else (capacity, *size, 3)
        self._card = card
        # Models were trained on levels / 255, and a product differs from that in the last bit. That is enough to
        # tip the rounding of a network that quantises at run time: scores then moved by 0.09, boxes by 55 px.
        self._divisor = 1 / card.scale
        self._tables = _tables(card)
        self._border = _border(card, self._tables)
        self.tensor: NDArray[Any] = np.empty(shape, card.dtype)
        """(capacity, 3, H, W) or (capacity, H, W, 3), ready for the backend."""
        self.tensor[...] = self._border
        self._placed: list[Letterbox | None] = [None] * capacity
        self._scratch = np.empty(3 * card.height_px * card.width_px, np.uint8)

    @property
    def capacity(self) -> int:
        """How many pictures there is room for."""
        return len(self._placed)

    def put(self, slot: int, picture: Picture) -> Letterbox:
        """Write ``picture`` into a slot and return where it lies."""
        place = Letterbox.fit(picture.width_px, picture.height_px, self._card)
        target = self.tensor[slot]
        if place != self._placed[slot]:
            target[...] = self._border
            self._placed[slot] = place
        small, rows, columns = self._content(picture, place)
        if self._card.layout == "nchw":
            for number, (channel, plane) in enumerate(zip(target, self._planes(small), strict=True)):
                self._scaled(plane, channel[rows, columns], self._tables[number])
        else:
            # A packed picture has its three tables side by side, in the order of its channels.
            self._scaled(self._packed(small), target[rows, columns], np.ascontiguousarray(self._tables.T)[None])
        return place

    def _content(self, picture: Picture, place: Letterbox) -> tuple[NDArray[np.uint8], slice, slice]:
        """Return the picture's visible part as RGB, and the rows and columns of the input that it fills."""
        card = self._card
        left, top = max(place.left_px, 0), max(place.top_px, 0)
        right = min(place.left_px + place.content_width_px, card.width_px)
        bottom = min(place.top_px + place.content_height_px, card.height_px)
        if card.resize == "crop_center" or card.sampling == "bicubic":
            x, y = place.left_px, place.top_px
            window = Window(left - x, top - y, right - x, bottom - y)
            kernel: Kernel = "bicubic" if card.sampling == "bicubic" else "bilinear"
            small = picture.resize_rgb_smoothly(place.content_width_px, place.content_height_px, window, kernel)
        elif card.sampling == "pixel_corner":
            bgr = corner_sampled(picture.to_bgr(), place.content_width_px, place.content_height_px)
            small = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        else:
            small = picture.resize_rgb(place.content_width_px, place.content_height_px)
        return small, slice(top, bottom), slice(left, right)

    def _planes(self, rgb: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        # Splitting bytes first and scaling each contiguous plane takes half the time of scaling strided channels.
        height, width = rgb.shape[:2]
        planes = list(self._scratch[: 3 * height * width].reshape(3, height, width))
        cv2.split(rgb, planes)
        return planes if self._card.color == "rgb" else planes[::-1]

    def _packed(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return rgb if self._card.color == "rgb" else cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)

    def _scaled(self, pixels: NDArray[np.uint8], target: NDArray[Any], table: NDArray[Any]) -> None:
        card = self._card
        if card.dtype == "float16":
            # OpenCV knows no look-up of half precision, but the bits may be of any type.
            cv2.LUT(pixels, table.view(np.int16), target.view(np.int16))
        elif card.mean is not None or card.std is not None:
            cv2.LUT(pixels, table, target)
        elif card.scale == 1:
            np.copyto(target, pixels, casting="unsafe")
        else:
            np.divide(pixels, self._divisor, out=target, dtype=np.float32, casting="unsafe")


def _tables(card: InputCard) -> NDArray[Any]:
    """Return (3, 256) the tensor value of each level, by channel in the order of the card's colours.

    The order is torchvision's: divided by 255, less the mean, divided by the standard deviation, each in float32.
    """
    values = np.tile(np.arange(256, dtype=np.float32) / np.float32(1 / card.scale), (3, 1))
    if card.mean is not None:
        values -= np.array(card.mean, np.float32)[:, None]
    if card.std is not None:
        values /= np.array(card.std, np.float32)[:, None]
    return values.astype(card.dtype)


def _border(card: InputCard, tables: NDArray[Any]) -> NDArray[Any]:
    """Return the border's value for each channel, in a shape that fits one picture's part of the tensor."""
    level = 0 if card.resize == "crop_center" else card.pad_value  # torchvision's CenterCrop pads with black
    return tables[:, level, None, None] if card.layout == "nchw" else tables[:, level]
