"""Masks from prototypes, as YOLACT has them (arXiv:1904.02689, section 3): one dot product a pixel, cut to the box.

A mask is true where the weighted sum of the prototypes, interpolated to the picture's own pixels, is above 0. That
equals ultralytics' ``process_mask_native`` (``retina_masks=True``), the more exact of its two ways: the default one
thresholds at the network's resolution and leaves steps of several pixels on a large picture. Only the pixels within
the box are ever computed, from the few prototype cells that they need.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamvision.core.masks import BoxMask
from streamvision.core.resampling import LinearMap, bilinear_weights
from streamvision.inference.heads.layout import F32
from streamvision.inference.letterbox import Letterbox

PROTOTYPE_STRIDE_PX = 4
"""Input pixels a prototype cell."""


class Grid(NamedTuple):
    """How prototype cells become pixels of a picture."""

    down: LinearMap
    """From rows of cells to rows of the picture."""
    across: LinearMap
    """From columns of cells to columns of the picture."""


def box_masks(prototypes: F32, coefficient: F32, box_xyxy_px: F32, place: Letterbox) -> NDArray[np.object_]:
    """Return (N,) :class:`BoxMask`, one an object; that of a box outside of the picture is empty.

    Args:
        prototypes: (M, h, w) of the picture, a cell for each 4x4 pixels of the network's input.
        coefficient: (N, M) weights of the prototypes.
        box_xyxy_px: (N, 4) in the picture's own pixels, within the picture.
        place: where the picture lay in the network's input.
    """
    grid = _grid(place, prototypes.shape[1], prototypes.shape[2])
    masks: NDArray[np.object_] = np.empty(len(coefficient), object)
    # A pixel belongs to the box when its index lies within, as in the reference.
    edges = np.ceil(box_xyxy_px).astype(np.intp)
    for index, (left, top, right, bottom) in enumerate(edges.tolist()):
        masks[index] = _mask(prototypes, coefficient[index], grid, left, top, right, bottom)
    return masks


def _mask(prototypes: F32, weights: F32, grid: Grid, left: int, top: int, right: int, bottom: int) -> BoxMask:
    if right <= left or bottom <= top:
        return BoxMask(left, top, np.zeros((0, 0), np.bool_))
    row, row_end = grid.down.span(top, bottom)
    column, column_end = grid.across.span(left, right)
    # The cells lie on their side until they have their full width: rows are summed up faster than columns.
    cells = np.einsum("k,khw->wh", weights, prototypes[:, row:row_end, column:column_end])
    wide = np.ascontiguousarray(grid.across.rows(cells, left, right, offset=column).T)
    bits = grid.down.rows(wide, top, bottom, offset=row) > 0
    return BoxMask(left, top, bits)


@lru_cache(maxsize=16)
def _grid(place: Letterbox, rows: int, columns: int) -> Grid:
    """Return the map from cells to pixels: refined until the border ends between two cells, cut, then interpolated."""
    below_px = PROTOTYPE_STRIDE_PX * rows - place.content_height_px - place.top_px
    right_px = PROTOTYPE_STRIDE_PX * columns - place.content_width_px - place.left_px
    step_px = math.gcd(PROTOTYPE_STRIDE_PX, place.left_px, place.top_px, right_px, below_px)
    down = _axis(rows, place.top_px, place.content_height_px, place.picture_height_px, step_px)
    across = _axis(columns, place.left_px, place.content_width_px, place.picture_width_px, step_px)
    return Grid(down, across)


def _axis(cells: int, border_px: int, content_px: int, picture_px: int, step_px: int) -> LinearMap:
    refined = bilinear_weights(cells, cells * PROTOTYPE_STRIDE_PX // step_px)
    content = refined[border_px // step_px : (border_px + content_px) // step_px]
    return LinearMap.of((bilinear_weights(len(content), picture_px) @ content).astype(np.float32))
