"""What the heads share that give a value for each place of the picture: from the network's grid to the picture's part.

A grid covers the whole input of the network, letterbox included, with any number of cells. What is returned covers the
picture alone, with one cell for each pixel that the picture had within the input: there the letterbox ends between two
cells, whatever the grid's own coarseness.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.resampling import LinearMap, bilinear_weights
from streamvision.inference.heads.layout import F32
from streamvision.inference.letterbox import InputArea
from streamvision.inference.model_card import InputCard


def logits_on_content(grid: F32, part: InputArea, card: InputCard) -> list[F32]:
    """Return each (h, w) channel of a (C, h, w) grid, interpolated to input pixels and cut to the picture's part."""
    if grid.shape[1:] == (card.height_px, card.width_px):
        return [channel[part.top : part.bottom, part.left : part.right] for channel in grid]
    down, across = _axis(grid.shape[1], card.height_px), _axis(grid.shape[2], card.width_px)
    size = part.right - part.left, part.bottom - part.top
    if size == (card.width_px, card.height_px):
        return [cv2.resize(channel, size, interpolation=cv2.INTER_LINEAR) for channel in grid]
    return [_interpolated(channel, down, across, part) for channel in grid]


def _interpolated(channel: F32, down: LinearMap, across: LinearMap, part: InputArea) -> F32:
    column, end = across.span(part.left, part.right)
    wide = across.rows(np.ascontiguousarray(channel[:, column:end].T), part.left, part.right, offset=column)
    interpolated: F32 = down.rows(np.ascontiguousarray(wide.T), part.top, part.bottom, offset=0)
    return interpolated


def classes_on_content(grid: NDArray[np.integer[Any]], part: InputArea, card: InputCard) -> NDArray[np.integer[Any]]:
    """Return an (h, w) map of classes, each cell repeated to input pixels, cut to the picture's part."""
    rows = np.arange(part.top, part.bottom) * grid.shape[0] // card.height_px
    columns = np.arange(part.left, part.right) * grid.shape[1] // card.width_px
    picked: NDArray[np.integer[Any]] = grid[rows[:, None], columns]
    return picked


@lru_cache(maxsize=32)
def _axis(cells: int, pixels: int) -> LinearMap:
    return LinearMap.of(bilinear_weights(cells, pixels).astype(np.float32))
