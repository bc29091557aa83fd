"""Average precision of ranked detections at one overlap, read off at COCO's 101 recall levels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

RECALL_LEVELS: NDArray[np.float64] = np.linspace(0, 1, 101)


def average_precision(score: NDArray[np.float64], hit: NDArray[np.bool_], *, objects: int) -> float | None:
    """Return the average precision of one class, or ``None`` where it has no object.

    Args:
        score: (N,) scores.
        hit: (N,) whether each detection found an object.
        objects: how many objects there are.
    """
    if objects <= 0:
        return None
    ranked = hit[np.argsort(-score, kind="stable")]
    hits = np.cumsum(ranked)
    precision = hits / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]  # the best precision at this recall or beyond
    position = np.searchsorted(hits / objects, RECALL_LEVELS, side="left")
    reached = position < len(hits)
    return float(precision[position[reached]].sum() / len(RECALL_LEVELS))


def mean_of(values: Iterable[float | None]) -> float:
    """Return the mean of the values that exist, 0 where there are none."""
    present = [value for value in values if value is not None]
    return float(np.mean(present)) if present else 0.0
