"""Parts of a picture made unreadable: what is left of each is a few mean colours, from which nothing comes back."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.picture import BgrPicture, Picture, YuvPicture

U8 = NDArray[np.uint8]
CELLS = 4
"""How many mean colours across a part are left: too few for a face (which needs about 16) or a letter of a plate."""


def hide(picture: Picture, boxes_xyxy_px: NDArray[np.float64]) -> Picture:
    """Return a picture with parts of it unreadable; the picture itself where there is none.

    Args:
        picture: it stays as it is.
        boxes_xyxy_px: (N, 4) the parts.
    """
    boxes = _inside(boxes_xyxy_px, picture.width_px, picture.height_px)
    if not len(boxes):
        return picture
    if isinstance(picture, YuvPicture):
        y, u, v = picture.y.copy(), picture.u.copy(), picture.v.copy()
        for box in boxes:
            _level(y, box)
            half = np.array([box[0] // 2, box[1] // 2, (box[2] + 1) // 2, (box[3] + 1) // 2])
            _level(u, half)
            _level(v, half)
        return replace(picture, y=y, u=u, v=v, owner=None)
    bgr = picture.to_bgr().copy()
    for box in boxes:
        _level(bgr, box)
    return BgrPicture(bgr)


def _level(plane: U8, box: NDArray[np.int64]) -> None:
    left, top, right, bottom = (int(edge) for edge in box)
    part = plane[top:bottom, left:right]
    size = (min(CELLS, part.shape[1]), min(CELLS, part.shape[0]))
    few = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    plane[top:bottom, left:right] = cv2.resize(few, part.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _inside(boxes: NDArray[np.float64], width_px: int, height_px: int) -> NDArray[np.int64]:
    """Return the pixels around each box inside the picture, in squares of four, which share their colour."""
    edges = np.asarray(boxes, np.float64).reshape(-1, 4)
    edges = edges[np.isfinite(edges).all(axis=1)]
    low = np.floor(edges[:, :2] / 2) * 2
    high = np.ceil(edges[:, 2:] / 2) * 2
    size = np.array([width_px, height_px])
    whole = np.concatenate([np.clip(low, 0, size), np.clip(high, 0, size)], axis=1).astype(np.int64)
    return whole[(whole[:, 2] > whole[:, 0]) & (whole[:, 3] > whole[:, 1])]
