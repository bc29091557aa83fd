"""Whether scores mean what they say: of the detections with a score of 0.8, four in five should be right.

Expected calibration error after Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks" (ICML
2017, arXiv:1706.04599), over detections instead of pictures, as Küppers et al. (2020, arXiv:2004.13546) have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streamvision.evaluation.matching import ImageMatch

BINS = 10
LOWEST_SCORE = 0.1
"""Detections below are left out: nobody uses them, and there are so many that they would drown the others."""


@dataclass(frozen=True)
class Bin:
    """Detections with about the same score."""

    low: float
    """Lowest score."""
    high: float
    """Scores are below this, or equal to it in the last bin."""
    count: int
    """How many there are."""
    mean_score: float | None
    """What the scores promise; ``None`` where there are none."""
    precision: float | None
    """What is kept: the share that is right."""


@dataclass(frozen=True)
class Calibration:
    """How far scores and reality are apart."""

    bins: tuple[Bin, ...]
    """From low to high scores."""
    expected_error: float | None
    """Expected calibration error, 0..1: the mean distance of promise and reality; ``None`` without detections."""
    largest_error: float | None
    """The distance in the worst bin."""
    overconfidence: float | None
    """Mean score minus precision: above 0 the model promises too much."""
    count: int
    """How many detections were looked at."""


def calibration(matches: Sequence[ImageMatch]) -> Calibration:
    """Compare scores with the share of right detections at overlap 0.5."""
    score = np.concatenate([match.score[~match.ignored] for match in matches])
    hit = np.concatenate([match.hit[~match.ignored] for match in matches])
    used = score >= LOWEST_SCORE
    score, hit = score[used], hit[used]
    edges = np.linspace(0, 1, BINS + 1)
    place = np.clip(np.searchsorted(edges, score, side="right") - 1, 0, BINS - 1)
    bins = []
    for index in range(BINS):
        inside = place == index
        count = int(inside.sum())
        mean_score = float(score[inside].mean()) if count else None
        precision = float(hit[inside].mean()) if count else None
        bins.append(Bin(float(edges[index]), float(edges[index + 1]), count, mean_score, precision))
    gaps = [
        (one.count, abs(one.mean_score - one.precision))
        for one in bins
        if one.mean_score is not None and one.precision is not None
    ]
    if not gaps:
        return Calibration(tuple(bins), None, None, None, 0)
    return Calibration(
        tuple(bins),
        sum(count * gap for count, gap in gaps) / len(score),
        max(gap for _, gap in gaps),
        float(score.mean() - hit.mean()),
        len(score),
    )
