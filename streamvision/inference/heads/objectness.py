"""Scores of networks that give an objectness and class scores: the box counts as objectness times class score."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

OBJECTNESS_AT = 4
SCORES_AT = 5

Indices = NDArray[np.integer[Any]]


def best_classes(rows: NDArray[np.float32], *, score_threshold: float) -> tuple[Indices, NDArray[np.float32], Indices]:
    """Return the rows that reach the threshold, their scores and their best classes.

    Args:
        rows: (N, 5 + classes) with the objectness in column 4; objectness and class scores are within 0..1.
        score_threshold: lowest product of objectness and best class score.

    Returns:
        (K,) indices into ``rows``, (K,) float32 scores and (K,) class ids.
    """
    # A class score is at most 1, so objectness alone rules out nearly all rows before any class is looked at.
    likely = np.flatnonzero(rows[:, OBJECTNESS_AT] >= score_threshold)
    class_scores = rows[likely, SCORES_AT:]
    class_id = class_scores.argmax(axis=1)
    score = rows[likely, OBJECTNESS_AT] * np.take_along_axis(class_scores, class_id[:, None], axis=1)[:, 0]
    reached = score >= score_threshold
    return likely[reached], score[reached], class_id[reached]


def every_class_of(
    rows: NDArray[np.float32], *, score_threshold: float
) -> tuple[Indices, NDArray[np.float32], Indices]:
    """Return as :func:`best_classes`, but a row once for each class whose score reaches the threshold."""
    likely = np.flatnonzero(rows[:, OBJECTNESS_AT] >= score_threshold)
    scores = rows[likely, OBJECTNESS_AT, None] * rows[likely, SCORES_AT:]
    row, class_id = np.nonzero(scores >= score_threshold)
    return likely[row], scores[row, class_id], class_id
