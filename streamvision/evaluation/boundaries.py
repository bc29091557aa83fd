"""How well the edges of what was found lie: the overlap of bands along them, and how near contours are to each other.

Boundary IoU (Cheng, Girshick, Dollár, Berg and Kirillov, CVPR 2021) compares not two masks but, of each, the pixels
that are near its own contour. Errors at the edges of large objects, which hardly move the overlap of masks, weigh as
much as those of small ones. The boundary F (BF score; Csurka, Larlus and Perronnin, "What is a good evaluation measure
for semantic segmentation?", BMVC 2013) compares the contours alone: precision is the share of the found contour that is
near the marked one, recall the share of the marked contour that is near the found one, picture by picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

BAND_SHARE = 0.02
"""Width of the band along a contour, as a share of the picture's diagonal; the paper's own."""


NEAR_SHARE = 0.0075
"""How near contours are to each other for the boundary F, as a share of the picture's diagonal; the paper's own."""
TILE_PX = 2048
"""Distances are computed in squares of this side, so that large pictures need no more memory than small ones."""


@dataclass(frozen=True)
class BoundaryFigures:
    """How well the edges of one class lie on one picture."""

    both: int
    """Pixels that are of both bands."""
    either: int
    """Pixels that are of either."""
    f: float
    """Boundary F, 0..1."""


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


def boundary_f(marked: NDArray[np.bool_], said: NDArray[np.bool_]) -> float:
    """Return the boundary F of two masks, 0..1; 1 where both are empty.

    A contour is the pixels of a mask of whose eight neighbours one is not of it or is beyond the picture. Distances are
    Euclidean, between the middles of pixels.

    Args:
        marked: (H, W) the right pixels.
        said: (H, W) those that a model gave.
    """
    contours = [boundary_band(mask, distance_px=1) for mask in (marked, said)]
    height, width = marked.shape
    most_px = NEAR_SHARE * math.hypot(width, height)
    shares = []
    for ours, theirs in (contours, contours[::-1]):
        total = int(np.count_nonzero(ours))
        near = sum(
            int(np.count_nonzero(ours[inner] & _near(theirs, inner, most_px))) for inner in _tiles(ours) if total
        )
        shares.append((near, total))
    (recalled, right), (precise, given) = shares
    if not right or not given:
        return float(right == given)
    recall, precision = recalled / right, precise / given
    return 2 * precision * recall / (precision + recall) if recalled else 0.0


def _tiles(contour: NDArray[np.bool_]) -> Iterator[tuple[slice, slice]]:
    """Return the squares of a picture on which a contour lies."""
    for top in range(0, contour.shape[0], TILE_PX):
        for left in range(0, contour.shape[1], TILE_PX):
            rows, columns = (
                slice(begin, min(begin + TILE_PX, side))
                for begin, side in ((top, contour.shape[0]), (left, contour.shape[1]))
            )
            x, y, wide, high = cv2.boundingRect(np.ascontiguousarray(contour[rows, columns]).view(np.uint8))
            if wide:
                yield slice(top + y, top + y + high), slice(left + x, left + x + wide)


def _near(contour: NDArray[np.bool_], inner: tuple[slice, slice], most_px: float) -> NDArray[np.bool_]:
    """Return which pixels of a part of the picture are at most so far from a contour."""
    around = math.ceil(most_px)
    outer = tuple(slice(max(one.start - around, 0), one.stop + around) for one in inner)
    elsewhere = np.ascontiguousarray(~contour[outer]).view(np.uint8)
    if elsewhere.all():
        return np.zeros((inner[0].stop - inner[0].start, inner[1].stop - inner[1].start), np.bool_)
    distance_px = cv2.distanceTransform(elsewhere, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    rows, columns = (slice(i.start - o.start, i.stop - o.start) for i, o in zip(inner, outer, strict=True))
    near: NDArray[np.bool_] = distance_px[rows, columns] <= most_px
    return near


def measure_boundaries(
    marked: NDArray[np.uint8], said: NDArray[np.uint8], known: NDArray[np.bool_]
) -> dict[int, BoundaryFigures]:
    """Return for each class on either map how well its edges lie.

    Pixels that are not known are of no class on either map.

    Args:
        marked: (H, W) the class of each pixel.
        said: (H, W) the class that a model gave.
        known: (H, W) whether the class is known.
    """
    height, width = marked.shape
    distance_px = band_px(width, height)
    found = {}
    for class_id in np.union1d(marked[known], said[known]).tolist():
        masks = [(levels == class_id) & known for levels in (marked, said)]
        first, second = (boundary_band(mask, distance_px=distance_px) for mask in masks)
        both, either = (int(np.count_nonzero(pixels)) for pixels in (first & second, first | second))
        found[class_id] = BoundaryFigures(both, either, boundary_f(*masks))
    return found
