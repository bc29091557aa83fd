"""Who is who: similarity of tracks and detections, and the best one-to-one assignment between them."""

from __future__ import annotations

from typing import Any

import lap
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating[Any]]
Rows = NDArray[np.intp]


def iou_matrix(a_xyxy: Float, b_xyxy: Float) -> Float:
    """Return the (A, B) intersection over union of (A, 4) and (B, 4) boxes whose sides are positive."""
    left, top, right, bottom = a_xyxy.T[:, :, None]
    b_left, b_top, b_right, b_bottom = b_xyxy.T
    width = np.minimum(right, b_right)
    width -= np.maximum(left, b_left)
    height = np.minimum(bottom, b_bottom)
    height -= np.maximum(top, b_top)
    np.maximum(width, 0, out=width)
    np.maximum(height, 0, out=height)
    width *= height
    union = (right - left) * (bottom - top) + (b_right - b_left) * (b_bottom - b_top)
    union -= width
    iou: Float = np.divide(width, union, out=width)
    return iou


def assign(similarity: Float, *, at_least: float) -> tuple[Rows, Rows]:
    """Return the rows and columns of the pairs whose summed gain ``similarity - at_least`` is largest.

    Only pairs that reach ``at_least`` may be chosen. A pair that competes with no other is its own optimum; only the
    rest goes to the solver (Jonker and Volgenant, 1987), whose work grows with the cube of its size. Among equal
    optima the choice is the same for the same input.
    """
    rows, columns = np.nonzero(similarity >= at_least)
    if not len(rows):
        return rows, columns
    row_degree = np.bincount(rows, minlength=similarity.shape[0])
    column_degree = np.bincount(columns, minlength=similarity.shape[1])
    contested = (row_degree[rows] > 1) | (column_degree[columns] > 1)
    if not contested.any():
        return rows, columns
    row_choice, column_choice = np.unique(rows[contested]), np.unique(columns[contested])
    cost = 1 - similarity[np.ix_(row_choice, column_choice)].astype(np.float64)
    _, column_of_row, _ = lap.lapjv(cost, extend_cost=True, cost_limit=1 - at_least)
    chosen = column_of_row >= 0
    free = ~contested
    return (
        np.concatenate([rows[free], row_choice[chosen]]),
        np.concatenate([columns[free], column_choice[column_of_row[chosen]]]),
    )
