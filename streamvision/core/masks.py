"""Masks of single objects, cut to the object's box: a full-picture array for each would be megabytes of nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class BoxMask:
    """The pixels of one object.

    Raises:
        ValueError: when the bits are no two-dimensional array of bool.
    """

    left_px: int
    """Column of the picture at which the bits begin."""
    top_px: int
    """Row of the picture at which the bits begin."""
    bits: NDArray[np.bool_]
    """(h, w) bool, true where the object is; one element a pixel of the picture."""

    def __post_init__(self) -> None:
        if self.bits.ndim != 2 or self.bits.dtype != np.bool_:
            raise ValueError(f"bits must be (h, w) bool, not {self.bits.shape} {self.bits.dtype}")

    @property
    def area_px(self) -> int:
        """How many pixels the object has."""
        return int(np.count_nonzero(self.bits))

    def shifted(self, right_px: int, down_px: int, *, picture_px: tuple[int, int]) -> BoxMask:
        """Return the mask at another place, cut at the edges of a picture of this width and height."""
        left, top = self.left_px + right_px, self.top_px + down_px
        first_column, first_row = max(-left, 0), max(-top, 0)
        end_column, end_row = max(picture_px[0] - left, 0), max(picture_px[1] - top, 0)
        return BoxMask(left + first_column, top + first_row, self.bits[first_row:end_row, first_column:end_column])

    def __repr__(self) -> str:
        height, width = self.bits.shape
        return f"BoxMask({width}x{height} at {self.left_px}, {self.top_px})"
