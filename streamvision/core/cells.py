"""A picture in 16 by 9 cells, one bit each: where an object was, and which part of the picture is asked for.

Three bands of three rows are three numbers of 48 bits, which any database compares by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

COLUMNS, ROWS = 16, 9
BANDS = 3
"""Numbers that hold all cells, three rows each."""
_ROWS_OF_BAND = ROWS // BANDS
_FINE = 20
"""A polygon is drawn so much finer than the cells, so that one which lies within a cell is not lost."""

Cells = tuple[int, int, int]
"""One bit a cell: column ``c`` of row ``r`` is bit ``16 * (r % 3) + c`` of number ``r // 3``."""


def cells_of_boxes(box_xyxy_px: NDArray[np.float32], *, picture_px: tuple[int, int]) -> NDArray[np.uint16]:
    """Return (N, 9) uint16: for each box and row of cells, a bit for each column that the box covers.

    A column, or a row, is covered where its middle is within the box, or the box's middle is within it, so that the
    smallest box covers a cell; a box that lies outside of the picture covers the cell next to it.

    Args:
        box_xyxy_px: (N, 4) float32.
        picture_px: width and height of the picture.
    """
    box = box_xyxy_px * (np.array([COLUMNS, ROWS, COLUMNS, ROWS], np.float32) / np.array(2 * picture_px, np.float32))
    middle = np.floor((box[:, :2] + box[:, 2:]) * 0.5)
    last = np.array([COLUMNS - 1, ROWS - 1], np.float32)
    middle = np.clip(middle, 0, last)
    low = np.clip(np.minimum(np.ceil(box[:, :2] - 0.5), middle), 0, last).astype(np.int32)
    high = np.clip(np.maximum(np.ceil(box[:, 2:] - 0.5) - 1, middle), 0, last).astype(np.int32)
    columns = (np.left_shift(2, high[:, :1]) - np.left_shift(1, low[:, :1])).astype(np.uint16)
    covered = (low[:, 1:] <= _ROW) & (high[:, 1:] >= _ROW)
    cells: NDArray[np.uint16] = columns * covered
    return cells


_ROW = np.arange(ROWS, dtype=np.int32)


def packed(cells: NDArray[np.uint16]) -> Cells:
    """Return the (9,) rows of :func:`cells_of_boxes` as three numbers.

    >>> packed(np.array([1, 0, 2, 0, 0, 0, 0, 0, 3], np.uint16)) == (1 | 2 << 32, 0, 3 << 32)
    True
    """
    rows = cells.tolist()
    first, second, third = (
        sum(bits << (COLUMNS * row) for row, bits in enumerate(rows[begin : begin + _ROWS_OF_BAND]))
        for begin in range(0, ROWS, _ROWS_OF_BAND)
    )
    return first, second, third


def cells_of_polygon(points: Sequence[tuple[float, float]]) -> Cells:
    """Return the cells that a polygon touches.

    Args:
        points: its corners, in fractions of the picture; what lies outside of the picture is cut off.
    """
    size = np.array([COLUMNS * _FINE, ROWS * _FINE])
    corners = np.floor(np.clip(np.asarray(points, np.float64), -1, 2) * size).astype(np.int32)
    drawn = np.zeros((ROWS * _FINE, COLUMNS * _FINE), np.uint8)
    # A corner on the right or lower edge belongs to the last cell.
    corners = np.where(corners == size, size - 1, corners).astype(np.int32)
    cv2.fillPoly(drawn, [corners], 1)
    touched = drawn.reshape(ROWS, _FINE, COLUMNS, _FINE).any(axis=(1, 3))
    return packed((touched << np.arange(COLUMNS)).sum(axis=1).astype(np.uint16))
