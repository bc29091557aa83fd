"""Parts of pictures, as planes where the picture is planes: only what is looked at is converted."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.picture import BgrPicture, Picture, YuvPicture
from streamvision.core.resampling import Window, scaled

_JPEG_QUALITY = 85


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


def crop_edges(box_xyxy_px: NDArray[np.float32], *, picture_px: tuple[int, int], margin: float) -> NDArray[np.int64]:
    """Return (N, 4) even left, top, right, bottom of crops around boxes, within the picture.

    Args:
        box_xyxy_px: (N, 4) float32.
        picture_px: width and height of the picture.
        margin: how far a crop reaches beyond its box on each side, as a share of the box.
    """
    size = box_xyxy_px[:, 2:] - box_xyxy_px[:, :2]
    low = np.clip(np.floor(box_xyxy_px[:, :2] - size * margin), 0, picture_px).astype(np.int64) & ~1
    high = np.clip(np.ceil(box_xyxy_px[:, 2:] + size * margin), 0, picture_px).astype(np.int64)
    return np.concatenate([low, high], axis=1)


def cut(picture: Picture, left: int, top: int, right: int, bottom: int) -> Picture:
    """Return a copy of a part of the picture, which keeps none of the decoder's memory; left and top must be even."""
    part = part_of(picture, Window(left, top, right, bottom))
    if isinstance(part, YuvPicture):
        return YuvPicture(part.y.copy(), part.u.copy(), part.v.copy(), full_range=part.full_range, matrix=part.matrix)
    return BgrPicture(part.to_bgr().copy())


def small_jpeg(picture: Picture, *, longest_px: int) -> bytes:
    """Return a picture as a JPEG file whose longer side has that many pixels at most."""
    small = scaled(picture.to_bgr(), min(longest_px / max(picture.width_px, picture.height_px), 1.0))
    encoded: Any = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
    return bytes(encoded.tobytes())
