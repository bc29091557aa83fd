"""Where labels go: beside their box, inside the picture, and not on each other while there is room."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rect = tuple[int, int, int, int]


def place_labels(
    box_xyxy_px: NDArray[np.int32],
    size_px: NDArray[np.int32],
    *,
    picture_px: tuple[int, int],
    taken: list[Rect],
    gap_px: int,
) -> NDArray[np.int32]:
    """Return the left top corner (N, 2) of each label.

    Each label takes the first of these places that is free, or else the one that covers least: above its box, below
    it, inside at the top, inside at the bottom, above flush right.

    Args:
        box_xyxy_px: (N, 4) int32 boxes within the picture, the most important first.
        size_px: (N, 2) int32 width and height of the labels.
        picture_px: width and height of the picture.
        taken: places that are in use already.
        gap_px: how far a box's line reaches beyond the box.
    """
    corners = _candidates(box_xyxy_px, size_px, picture_px, gap_px)
    count = len(corners)
    in_use = np.empty((len(taken) + count, 4), np.int32)
    in_use[: len(taken)] = np.array(taken, np.int32).reshape(-1, 4)
    places = np.concatenate([corners, corners + size_px[:, None]], axis=2)
    chosen = np.empty((count, 2), np.int32)
    for index in range(count):
        used = in_use[: len(taken) + index]
        overlap = np.minimum(places[index, :, None, 2:], used[None, :, 2:]) - np.maximum(
            places[index, :, None, :2], used[None, :, :2]
        )
        covered = np.maximum(overlap, 0).prod(axis=2).sum(axis=1)
        best = int(covered.argmin())
        in_use[len(taken) + index] = places[index, best]
        chosen[index] = corners[index, best]
    return chosen


def _candidates(
    box: NDArray[np.int32], size_px: NDArray[np.int32], picture_px: tuple[int, int], gap_px: int
) -> NDArray[np.int32]:
    """Return (N, 5, 2) left top corners, all moved into the picture and to even pixels."""
    left, top, right, bottom = box.T
    width, height = size_px.T
    above, below = top - gap_px - height, bottom + gap_px
    corners = np.empty((len(box), 5, 2), box.dtype)
    corners[:, :4, 0] = (left - gap_px)[:, None]
    corners[:, 4, 0] = right + gap_px - width
    corners[:, (0, 4), 1] = above[:, None]
    corners[:, 1, 1] = below
    corners[:, 2, 1] = top - gap_px
    corners[:, 3, 1] = below - height
    limit = np.maximum(np.array(picture_px) - size_px, 0)[:, None]
    inside: NDArray[np.int32] = (np.clip(corners, 0, limit) & ~1).astype(np.int32)
    return inside
