"""Parts of pictures, as planes where the picture is planes: only what is looked at is converted."""

from __future__ import annotations

from streamvision.core.picture import BgrPicture, Picture, YuvPicture
from streamvision.core.resampling import Window


def part_of(picture: Picture, window: Window) -> Picture:
    """Return a part of the picture without copying it; the window's left and top must be even."""
    left, top, right, bottom = window
    if isinstance(picture, YuvPicture):
        rows, columns = slice(top, bottom), slice(left, right)
        half = slice(top // 2, (bottom + 1) // 2), slice(left // 2, (right + 1) // 2)
        return YuvPicture(
            picture.y[rows, columns],
            picture.u[half],
            picture.v[half],
            full_range=picture.full_range,
            matrix=picture.matrix,
            owner=picture.owner,
        )
    return BgrPicture(picture.to_bgr()[top:bottom, left:right])
