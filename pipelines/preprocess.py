"""From a picture to the network's input tensor; most exports that go wrong go wrong here.

Where the picture lies within the tensor is :mod:`streamvision.placement`'s business.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.errors import ModelError
from streamvision.model_card import InputCard
from streamvision.picture import Picture
from streamvision.placement import Letterbox


class InputBatch:
    """A preallocated batch tensor; each slot remembers its border, which is written only when the geometry changes.

    Raises:
        ModelError: when the card asks for a scaling that whole numbers cannot hold.
    """

    def __init__(self, card: InputCard, capacity: int) -> None:
        if card.dtype == "uint8" and card.scale != 1:
            raise ModelError(
                f"the model's card gives a uint8 input the scale {card.scale:.6g}; a uint8 input needs the scale 1"
            )
        size = (card.height_px, card.width_px)
        shape = (capacity, 3, *size) if card.layout == "nchw" else (capacity, *size, 3)
        self._card = card
        # Models were trained on levels / 255, and a product differs from that in the last bit. That is enough to
        # tip the rounding of a network that quantises at run time: scores then moved by 0.09, boxes by 55 px.
        self._divisor = 1 / card.scale
        self._border = np.float32(card.pad_value) / np.float32(self._divisor)
        self.tensor: NDArray[Any] = np.full(shape, self._border, card.dtype)
        """(capacity, 3, H, W) or (capacity, H, W, 3), ready for the backend."""
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
        small = picture.resize_rgb(place.content_width_px, place.content_height_px)
        rows = slice(place.top_px, place.top_px + place.content_height_px)
        columns = slice(place.left_px, place.left_px + place.content_width_px)
        if self._card.layout == "nchw":
            for channel, plane in zip(target, self._planes(small), strict=True):
                self._scaled(plane, channel[rows, columns])
        else:
            self._scaled(small if self._card.color == "rgb" else small[..., ::-1], target[rows, columns])
        return place

    def _planes(self, rgb: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        # Splitting bytes first and scaling each contiguous plane takes half the time of scaling strided channels.
        height, width = rgb.shape[:2]
        planes = list(self._scratch[: 3 * height * width].reshape(3, height, width))
        cv2.split(rgb, planes)
        return planes if self._card.color == "rgb" else planes[::-1]

    def _scaled(self, pixels: NDArray[np.uint8], target: NDArray[Any]) -> None:
        if self._card.scale == 1:
            np.copyto(target, pixels, casting="unsafe")
        else:
            np.divide(pixels, self._divisor, out=target, dtype=np.float32, casting="unsafe")
