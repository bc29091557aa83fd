"""What a score is worth: at which one a model is best used, and whether scores mean what they say.

Of the detections with a score of 0.8, four in five should be right. The expected calibration error is that of Guo,
Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks" (ICML 2017, arXiv:1706.04599), over detections
instead of pictures, as Küppers et al. (2020, arXiv:2004.13546) have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.evaluation.matching import ImageMatch
from streamvision.evaluation.predictions import rounded

SCORE_STEPS: NDArray[np.float64] = np.round(np.arange(0.01, 1.0, 0.01), 2)
CALIBRATION_BINS = 10
LOWEST_CALIBRATED_SCORE = 0.1
"""Detections below are left out: nobody uses them, and there are so many that they would drown the others."""


@dataclass(frozen=True)
class ClassPoint:
    """One class at one score. Figures are ``None`` where nothing was found or nothing is there to find."""

    score: float
    """The lowest score that is reported."""
    precision: float | None
    """Share of the detections that are right."""
    recall: float | None
    """Share of the objects that are found."""
    f1: float
    """Harmonic mean of the two, 0 where one is missing."""


@dataclass(frozen=True)
class OperatingPoint:
    """The score at which the mean F1 over the classes is highest, and each class there and at its own best."""

    score: float
    """The lowest score to report, for all classes."""
    f1: float
    """Mean F1 over the classes that have objects."""
    precision: float | None
    """Share of all detections that are right."""
    recall: float | None
    """Share of all objects that are found."""
    at_score: tuple[ClassPoint | None, ...]
    """By class id, each class at ``score``; ``None`` for classes without objects."""
    own_best: tuple[ClassPoint | None, ...]
    """By class id, each class at the score that suits it best; ``None`` for classes without objects."""


def operating_point(matches: Sequence[ImageMatch], *, classes: int) -> OperatingPoint:
    """Find the score with the highest mean F1 at overlap 0.5; of equals, the lowest."""
    hits, detections, objects = _curves(matches, classes)
    precision = np.divide(hits, detections, out=np.zeros_like(hits), where=detections > 0)
    recall = np.divide(hits, objects[:, None], out=np.zeros_like(hits), where=objects[:, None] > 0)
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
    present = objects > 0
    mean_f1 = f1[present].mean(axis=0) if present.any() else np.zeros(len(SCORE_STEPS))
    best = int(mean_f1.argmax())

    def point(class_id: int, step: int) -> ClassPoint | None:
        if not present[class_id]:
            return None
        reported = detections[class_id, step] > 0
        return ClassPoint(
            score=float(SCORE_STEPS[step]),
            precision=float(precision[class_id, step]) if reported else None,
            recall=float(recall[class_id, step]),
            f1=float(f1[class_id, step]),
        )

    all_detections, all_objects = float(detections[:, best].sum()), float(objects.sum())
    return OperatingPoint(
        score=float(SCORE_STEPS[best]),
        f1=float(mean_f1[best]),
        precision=float(hits[:, best].sum()) / all_detections if all_detections else None,
        recall=float(hits[:, best].sum()) / all_objects if all_objects else None,
        at_score=tuple(point(class_id, best) for class_id in range(classes)),
        own_best=tuple(point(class_id, int(f1[class_id].argmax())) for class_id in range(classes)),
    )


def _curves(
    matches: Sequence[ImageMatch], classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return (classes, steps) hits and detections from each score on, and (classes,) objects."""
    hits = np.zeros((classes, len(SCORE_STEPS)))
    detections = np.zeros_like(hits)
    objects = np.zeros(classes)
    for match in matches:
        step = np.searchsorted(SCORE_STEPS, match.score, side="right") - 1  # the highest step that it reaches
        np.add.at(detections, (match.class_id[reached := (step >= 0) & ~match.ignored], step[reached]), 1)
        np.add.at(hits, (match.class_id[right := (step >= 0) & match.hit], step[right]), 1)
        objects += np.bincount(match.truth.class_id[~match.truth.ignore], minlength=classes)
    from_here_on = (slice(None), slice(None, None, -1))
    return (
        hits[from_here_on].cumsum(axis=1)[from_here_on],
        detections[from_here_on].cumsum(axis=1)[from_here_on],
        objects,
    )


@dataclass(frozen=True)
class Bin:
    """Detections, pictures or pixels with about the same score."""

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
    """How many detections, pictures or pixels were compared."""

    def to_json(self, counted: str) -> dict[str, Any]:
        """Return the errors as plain values; ``counted`` says in the plural what was compared."""
        return {
            "expected_error": rounded(self.expected_error),
            "largest_error": rounded(self.largest_error),
            "overconfidence": rounded(self.overconfidence),
            counted: self.count,
        }


def calibration(matches: Sequence[ImageMatch]) -> Calibration:
    """Compare scores with the share of right detections at overlap 0.5."""
    score = np.concatenate([match.score[~match.ignored] for match in matches])
    hit = np.concatenate([match.hit[~match.ignored] for match in matches])
    used = score >= LOWEST_CALIBRATED_SCORE
    return calibrated(score_bins(score[used], hit[used]))


def score_bins(score: NDArray[Any], hit: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return (3, bins) of each bin of scores 0..1 the count, the sum of the scores, and how many are right.

    What several of these hold together is their sum.
    """
    place = np.clip((score * CALIBRATION_BINS).astype(np.int64), 0, CALIBRATION_BINS - 1)
    weights = (None, score, hit)
    return np.stack([np.bincount(place, one, minlength=CALIBRATION_BINS).astype(np.float64) for one in weights])


def calibrated(bins: NDArray[np.float64]) -> Calibration:
    """Compare scores with the share that is right, from the (3, bins) of :func:`score_bins`."""
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1).tolist()
    rows = tuple(
        Bin(low, high, int(count), promised / count if count else None, kept / count if count else None)
        for low, high, (count, promised, kept) in zip(edges[:-1], edges[1:], bins.T.tolist(), strict=True)
    )
    total, promised, kept = bins.sum(axis=1).tolist()
    if not total:
        return Calibration(rows, None, None, None, 0)
    gaps = np.abs(bins[1] - bins[2])
    largest = float((gaps / np.maximum(bins[0], 1)).max())
    return Calibration(rows, float(gaps.sum()) / total, largest, (promised - kept) / total, int(total))
