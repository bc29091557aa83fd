"""How well the edges of what was found lie: the overlap of bands along them (boundary IoU).

Boundary IoU (Cheng, Girshick, Dollár, Berg and Kirillov, CVPR 2021) compares not two masks but, of each, the pixels
that are near its own contour. Errors at the edges of large objects, which hardly move the overlap of masks, weigh as
much as those of small ones.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

BAND_SHARE = 0.02
"""Width of the band along a contour, as a share of the picture's diagonal; the paper's own."""


def band_px(width_px: int, height_px: int) -> int:
    """Return how far from its contour a pixel of a mask may lie to be of its band, in px; at least 1.

    >>> band_px(640, 480)
    16
    """
    return max(round(BAND_SHARE * math.hypot(width_px, height_px)), 1)


def boundary_band(mask: NDArray[np.bool_], *, distance_px: int) -> NDArray[np.bool_]:
    """Return the pixels of a mask that are at most so far from what is not of it, by the larger of both axes.

    What is beyond the picture is not of the mask, as in the authors' own code.

    Args:
        mask: (H, W) bool.
        distance_px: the width of the band.
    """
    padded = np.pad(mask.view(np.uint8), 1)
    inner = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=distance_px)[1:-1, 1:-1]
    band: NDArray[np.bool_] = mask & (inner == 0)
    return band


def count_boundaries(
    marked: NDArray[np.uint8], said: NDArray[np.uint8], known: NDArray[np.bool_]
) -> dict[int, tuple[int, int]]:
    """Return for each class on either map the pixels of both bands, and those of either.

    Pixels that are not known are of no class on either map.

    Args:
        marked: (H, W) the class of each pixel.
        said: (H, W) the class that a model gave.
        known: (H, W) whether the class is known.
    """
    height, width = marked.shape
    distance_px = band_px(width, height)
    counts = {}
    for class_id in np.union1d(marked[known], said[known]).tolist():
        first, second = (
            boundary_band((levels == class_id) & known, distance_px=distance_px) for levels in (marked, said)
        )
        counts[class_id] = int((first & second).sum()), int((first | second).sum())
    return counts
