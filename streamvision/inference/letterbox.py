"""Where a picture lies in a network's input, and the way back from the input's pixels to the picture's own.

Each rule follows the model's own library to the pixel: ``letterbox_center`` is ultralytics' ``LetterBox``,
``letterbox_top_left`` is YOLOX' ``preproc``, ``crop_center`` is torchvision's ``Resize`` and ``CenterCrop``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamvision.core.picture import Picture
from streamvision.inference.model_card import InputCard

BY_ASPECT = ("letterbox_center", "letterbox_top_left")
"""Resize rules under which a free size follows the picture's aspect."""
LARGEST_OWN_PX = 4096
"""Longer side of the pictures that are given in their own size; longer ones are made as small as this."""


def sized_input(card: InputCard, picture_width_px: int, picture_height_px: int) -> InputCard:
    """Return the card with the size that a picture of this size is given; itself where the size is not free.

    The picture's longer side becomes the larger of the card's two sides, the shorter one is rounded up to the stride.
    That is ultralytics' rectangular input (``LetterBox`` with ``auto``), which a 16:9 camera passes in 0.65 of the
    time of a square. Networks that make pictures of pictures may ask for the picture's own size.
    """
    if not card.dynamic_size or card.resize not in BY_ASPECT:
        return card
    stride_px, picture_px = card.stride_px, max(picture_width_px, picture_height_px)
    longer_px = rounded_up(max(card.width_px, card.height_px), stride_px)
    ratio = min(LARGEST_OWN_PX / picture_px, 1.0) if card.own_size else longer_px / picture_px
    rounded = round if card.resize == "letterbox_center" else int
    width_px, height_px = (
        rounded_up(max(rounded(side_px * ratio), 1), stride_px) for side_px in (picture_width_px, picture_height_px)
    )
    return card.model_copy(update={"width_px": width_px, "height_px": height_px})


def rounded_up(side_px: int, stride_px: int) -> int:
    """Return the smallest multiple of the stride that is not below the side."""
    return -(-side_px // stride_px) * stride_px


class InputArea(NamedTuple):
    """A part of the network's input, in its pixels; it lies within the input."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True)
class Letterbox:
    """Where a picture of one size lies in the network's input."""

    picture_width_px: int
    """Width of the picture."""
    picture_height_px: int
    """Height of the picture."""
    content_width_px: int
    """Width of the picture within the input, whatever is cut off included."""
    content_height_px: int
    """Height of the picture within the input, whatever is cut off included."""
    left_px: int
    """Width of the border at the left; below 0, how much is cut off there."""
    top_px: int
    """Height of the border at the top; below 0, how much is cut off there."""
    scale_x: float
    """Input pixels per picture pixel, across."""
    scale_y: float
    """Input pixels per picture pixel, down."""

    @classmethod
    def fit(cls, picture_width_px: int, picture_height_px: int, card: InputCard) -> Letterbox:
        """Return where a picture of this size lies, by the rule that the model was trained with.

        The two letterboxes round and scale back differently because their references do: ultralytics rounds the
        content's size, puts the odd pixel of border at the bottom right (``round(pad - 0.1)``) and scales back by
        the rounded size; YOLOX cuts the fraction off and scales back by the unrounded ratio.
        """
        ratio_x, ratio_y = card.width_px / picture_width_px, card.height_px / picture_height_px
        if card.resize == "stretch":
            content = card.width_px, card.height_px
            return cls(picture_width_px, picture_height_px, *content, 0, 0, ratio_x, ratio_y)
        if card.resize == "crop_center":
            return cls._cropped(picture_width_px, picture_height_px, card)
        rounded = int if card.resize == "letterbox_top_left" else round
        ratio = min(ratio_x, ratio_y)
        if card.dynamic_size:
            # The shorter side may have been rounded down to the stride by a fraction, which is no reason to shrink.
            free = max(card.width_px, card.height_px) / max(picture_width_px, picture_height_px)
            if card.own_size:
                free = min(free, 1.0)
            fits = rounded(picture_width_px * free) <= card.width_px
            ratio = free if fits and rounded(picture_height_px * free) <= card.height_px else ratio
        width, height = (max(rounded(side_px * ratio), 1) for side_px in (picture_width_px, picture_height_px))
        if card.resize == "letterbox_top_left":
            return cls(picture_width_px, picture_height_px, width, height, 0, 0, ratio, ratio)
        left, top = round((card.width_px - width) / 2 - 0.1), round((card.height_px - height) / 2 - 0.1)
        scales = width / picture_width_px, height / picture_height_px
        return cls(picture_width_px, picture_height_px, width, height, left, top, *scales)

    @classmethod
    def _cropped(cls, picture_width_px: int, picture_height_px: int, card: InputCard) -> Letterbox:
        """Return where a picture lies whose shorter side is given a length and whose middle is cut out."""
        shorter_px = card.crop_short_side_px or max(card.width_px, card.height_px)
        sides = (picture_width_px, picture_height_px)
        width, height = (shorter_px if side == min(sides) else int(shorter_px * side / min(sides)) for side in sides)
        left, top = _middle(width, card.width_px), _middle(height, card.height_px)
        scales = width / picture_width_px, height / picture_height_px
        return cls(picture_width_px, picture_height_px, width, height, left, top, *scales)

    def is_for(self, picture: Picture) -> bool:
        """Say whether the picture is of the size that this was made for."""
        return self.picture_width_px == picture.width_px and self.picture_height_px == picture.height_px

    def visible(self, card: InputCard) -> InputArea:
        """Return the part of the network's input that shows the picture."""
        return InputArea(
            max(self.top_px, 0),
            min(self.top_px + self.content_height_px, card.height_px),
            max(self.left_px, 0),
            min(self.left_px + self.content_width_px, card.width_px),
        )

    def points_to_picture(self, xy_px: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (..., 2) points of the network's input in the picture's own pixels; they may lie outside of it."""
        offset, scale, _ = self._corners
        return ((xy_px - offset[:2]) / scale[:2]).astype(np.float32, copy=False)

    def to_picture(self, box_xyxy_px: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (N, 4) boxes of the network's input in the picture's own pixels, cut at its edges."""
        offset, scale, picture_size = self._corners
        return ((box_xyxy_px - offset) / scale).clip(0, picture_size)

    @cached_property
    def _corners(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """The offset, the scale and the picture's size in the order x, y, x, y."""
        offset = np.array([self.left_px, self.top_px] * 2, np.float32)
        scale = np.array([self.scale_x, self.scale_y] * 2, np.float32)
        return offset, scale, np.array([self.picture_width_px, self.picture_height_px] * 2, np.float32)


def _middle(content_px: int, input_px: int) -> int:
    """Return the border before the content; below 0, how much of it is cut off there."""
    return (input_px - content_px) // 2 if input_px > content_px else -round((content_px - input_px) / 2)
