"""The best one-to-one assignment between tracks and detections.

Most pairs of boxes on a picture do not touch, so everything here works on the list of those that do: three arrays of
equal length, track, detection and a number about the two.
"""

from __future__ import annotations

from typing import Any

import lap
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating[Any]]
Rows = NDArray[np.intp]


def assign(row: Rows, column: Rows, gain: Float) -> tuple[Rows, Rows]:
    """Return the rows and columns of the one-to-one pairs whose summed gain is largest.

    Only the given pairs may be chosen; each occurs once and has a gain of 0 or more and at most 1. A pair that competes
    with no other is its own optimum; only the rest goes to the solver (Jonker and Volgenant, 1987), whose work grows
    with the cube of its size. Among equal optima the choice is the same for the same input.
    """
    if not len(row):
        return row, column
    row_count, column_count = np.bincount(row), np.bincount(column)
    contested = (row_count[row] > 1) | (column_count[column] > 1)
    if not contested.any():
        return row, column
    rows, row_position = _number(row[contested], len(row_count))
    columns, column_position = _number(column[contested], len(column_count))
    cost = np.full((len(rows), len(columns)), 2.0)
    cost[row_position, column_position] = 1.0 - gain[contested]
    _, column_of_row, _ = lap.lapjv(cost, extend_cost=True, cost_limit=1.0)
    chosen = column_of_row >= 0
    alone = ~contested
    return (
        np.concatenate([row[alone], rows[chosen]]),
        np.concatenate([column[alone], columns[column_of_row[chosen]]]),
    )


class Pairing:
    """Which detection continues which track, settled stage by stage: what one stage pairs, the next leaves alone."""

    def __init__(self, tracks: int, detections: int) -> None:
        self.track_of: Rows = np.full(detections, -1, np.intp)
        """(detections,) the track of each, -1 for none."""
        self.taken: NDArray[np.bool_] = np.zeros(tracks, np.bool_)
        """(tracks,) whether each has a detection."""

    def settle(self, track: Rows, detection: Rows, similarity: Float, *, at_least: float) -> None:
        """Pair what is still free, for the largest sum of similarity above ``at_least``.

        Args:
            track: (P,) candidates' tracks.
            detection: (P,) candidates' detections; each pair of the two occurs once.
            similarity: (P,) how well they agree, at most ``at_least + 1``.
            at_least: pairs that agree less are out.
        """
        free = ~self.taken[track] & (self.track_of[detection] < 0) & (similarity >= at_least)
        pairs = np.flatnonzero(free)
        rows, columns = assign(track[pairs], detection[pairs], similarity[pairs] - at_least)
        self.track_of[columns] = rows
        self.taken[rows] = True


def _number(values: Rows, limit: int) -> tuple[Rows, Rows]:
    """Return the distinct values, all below ``limit``, and each value's place among them."""
    present = np.zeros(limit, np.bool_)
    present[values] = True
    return np.flatnonzero(present), (np.cumsum(present) - 1)[values]
