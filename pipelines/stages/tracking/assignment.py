"""The best one-to-one assignment between tracks and detections.

Most pairs of boxes on a picture do not touch, so everything here works on the list of those that do: three arrays of
equal length, track, detection and a number about the two.
"""

from __future__ import annotations

from typing import Any

import lap
import numpy as np
from numpy.typing import NDArray

FEW_PAIRS = 40
"""Up to so many pairs, plain Python is faster than calls into numpy."""
CLEAR = 1e-9
"""By how much a choice must be better than the next one, so that no rounding can change it."""

Float = NDArray[np.floating[Any]]
Rows = NDArray[np.intp]


def assign(row: Rows, column: Rows, gain: Float) -> tuple[Rows, Rows]:
    """Return the rows and columns of the one-to-one pairs whose summed gain is largest.

    Only the given pairs may be chosen; each occurs once and has a gain of 0 or more and at most 1. A pair that competes
    with no other is its own optimum; only the rest goes to the solver (Jonker and Volgenant, 1987), whose work grows
    with the cube of its size. Among equal optima the choice is the same for the same input.
    """
    if len(row) < 2:
        return row, column
    if len(row) <= FEW_PAIRS and (clear := _clear_choice(row.tolist(), column.tolist(), (1.0 - gain).tolist())):
        return np.array(clear[0]), np.array(clear[1])
    row_count, column_count = np.bincount(row), np.bincount(column)
    contested = (row_count[row] > 1) | (column_count[column] > 1)
    competing = contested.nonzero()[0]
    if not len(competing):
        return row, column
    rows, row_position = _number(row[competing], len(row_count))
    columns, column_position = _number(column[competing], len(column_count))
    cost = np.full((len(rows), len(columns)), 2.0)
    cost[row_position, column_position] = 1.0 - gain[competing]
    _, column_of_row, _ = lap.lapjv(cost, extend_cost=True, cost_limit=1.0)
    chosen = column_of_row >= 0
    rows, columns = rows[chosen], columns[column_of_row[chosen]]
    if len(competing) == len(row):
        return rows, columns
    alone = ~contested
    return np.concatenate([row[alone], rows]), np.concatenate([column[alone], columns])


def _clear_choice(row: list[int], column: list[int], cost: list[float]) -> tuple[list[int], list[int]] | None:
    """Return the best assignment where it can be seen at once, else ``None``.

    If each row's cheapest column is another one, nothing is better than to give each row its cheapest; and the same
    with rows and columns exchanged. No other assignment is as good if each of these is strictly the cheapest.
    """
    for mine, others in ((row, column), (column, row)):
        cheapest: dict[int, tuple[float, int]] = {}
        clear = True
        for one, other, price in zip(mine, others, cost, strict=True):
            best = cheapest.get(one)
            if best is None:
                best = cheapest[one] = (1.0, -1)
            clear &= abs(price - best[0]) > CLEAR
            if price < best[0]:
                cheapest[one] = (price, other)
        chosen = [other for _, other in cheapest.values()]
        if clear and len(set(chosen)) == len(chosen):
            return (list(cheapest), chosen) if mine is row else (chosen, list(cheapest))
    return None


class Pairing:
    """Which detection continues which track, settled stage by stage: what one stage pairs, the next leaves alone."""

    def __init__(self, tracks: int, detections: int) -> None:
        self.track_of: Rows = np.full(detections, -1, np.intp)
        """(detections,) the track of each, -1 for none."""
        self.taken: NDArray[np.bool_] = np.zeros(tracks, np.bool_)
        """(tracks,) whether each has a detection."""
        self._settled = False

    def clear(self) -> None:
        """Take back everything that was settled."""
        self.track_of.fill(-1)
        self.taken.fill(False)
        self._settled = False

    def settle(
        self,
        track: Rows,
        detection: Rows,
        similarity: Float,
        *,
        at_least: float,
        among: NDArray[np.bool_] | None = None,
    ) -> None:
        """Pair what is still free, for the largest sum of similarity above ``at_least``.

        Args:
            track: (P,) candidates' tracks.
            detection: (P,) candidates' detections; each pair of the two occurs once.
            similarity: (P,) how well they agree, at most ``at_least + 1``.
            at_least: pairs that agree less are out.
            among: (P,) which of the candidates this stage may pair; all by default.
        """
        free = similarity >= at_least
        if among is not None:
            free &= among
        pairs = free.nonzero()[0]
        if self._settled and len(pairs):
            pairs = pairs[~self.taken[track[pairs]] & (self.track_of[detection[pairs]] < 0)]
        if not len(pairs):
            return
        rows, columns = assign(track[pairs], detection[pairs], similarity[pairs] - at_least)
        self.track_of[columns] = rows
        self.taken[rows] = True
        self._settled = True


def _number(values: Rows, limit: int) -> tuple[Rows, Rows]:
    """Return the distinct values, all below ``limit``, and each value's index among them."""
    present = np.zeros(limit, np.bool_)
    present[values] = True
    return present.nonzero()[0], (present.cumsum() - 1)[values]
