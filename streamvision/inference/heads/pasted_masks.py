"""Masks given as probabilities on a grid that covers the box, as Mask R-CNN gives them (arXiv:1703.06870).

They are pasted into the picture as torchvision's ``paste_masks_in_image`` does, pixel by pixel: a cell of zeros around
the grid, the box widened accordingly and cut to whole pixels, bilinear interpolation, and 0.5 as the threshold.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.masks import BoxMask
from streamvision.inference.heads.layout import F32

THRESHOLD = 0.5


def pasted_masks(probability: F32, box_xyxy_px: F32, *, width_px: int, height_px: int) -> NDArray[np.object_]:
    """Return (N,) :class:`BoxMask`, one an object; that of a box outside of the picture is empty.

    Args:
        probability: (N, m, m) on a grid that covers the box.
        box_xyxy_px: (N, 4) in the picture's own pixels.
        width_px: width of the picture.
        height_px: height of the picture.
    """
    masks: NDArray[np.object_] = np.empty(len(probability), object)
    side = probability.shape[-1]
    padded = np.pad(probability.astype(np.float32, copy=False), ((0, 0), (1, 1), (1, 1)))
    corners = _widened(box_xyxy_px, np.float32((side + 2) / side))
    for index, (left, top, right, bottom) in enumerate(corners.tolist()):
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(right + 1, width_px), min(bottom + 1, height_px)
        if x1 <= x0 or y1 <= y0:
            masks[index] = BoxMask(x0, y0, np.zeros((0, 0), np.bool_))
            continue
        size = max(right - left + 1, 1), max(bottom - top + 1, 1)
        grown = cv2.resize(padded[index], size, interpolation=cv2.INTER_LINEAR)
        masks[index] = BoxMask(x0, y0, grown[y0 - top : y1 - top, x0 - left : x1 - left] > THRESHOLD)
    return masks


def _widened(box_xyxy_px: F32, factor: np.float32) -> NDArray[np.intp]:
    """Return the boxes grown about their centres, the fraction cut off as the reference does."""
    center = (box_xyxy_px[:, 2:] + box_xyxy_px[:, :2]) * np.float32(0.5)
    half = (box_xyxy_px[:, 2:] - box_xyxy_px[:, :2]) * np.float32(0.5) * factor
    return np.concatenate([center - half, center + half], axis=1).astype(np.intp)
