"""What the figures say, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamvision.evaluation.error_types import ErrorKind
from streamvision.evaluation.evaluate import Evaluation
from streamvision.evaluation.scores import Calibration

KIND_WORDS: dict[ErrorKind, tuple[str, str]] = {
    "classification": (
        "Wrong class",
        "The place is right, the name is not. More examples of the classes that are mixed up help, or joining them.",
    ),
    "localisation": (
        "Vague place",
        "The right class, but the box overlaps the object by only 0.1 to 0.5. Check how tightly boxes are marked; "
        "a larger input helps small objects.",
    ),
    "both": ("Wrong class and place", "Near an object, but neither the class nor the box is right."),
    "duplicate": (
        "Duplicate",
        "An object that a better detection has already found. Suppression with a lower IoU helps.",
    ),
    "background": (
        "Background",
        "Something where nothing is marked. Look at the worst pictures first: often the mark is what is missing. "
        "Else pictures without objects help in training.",
    ),
    "missed": (
        "Missed",
        "An object that nothing has found, not even nearly. More such examples or a larger input help.",
    ),
}
_WELL_CALIBRATED = 0.05
_ENOUGH_OBJECTS = 10
"""Fewer objects carry no statement about a class or a size, where there are others."""


def in_short(result: Evaluation) -> list[str]:
    """Return the findings that matter most, one sentence each."""
    return [
        sentence
        for sentence in (
            _classes(result),
            _costliest(result),
            _confused(result),
            _small(result),
            about_scores(result.diagnosis.calibration),
        )
        if sentence
    ]


def _classes(result: Evaluation) -> str | None:
    ranked = [
        (figures.map50_95, name, figures.objects)
        for name, figures in result.figures.per_class.items()
        if figures.map50_95 is not None
    ]
    return best_and_weakest(ranked, figure="an mAP50-95", counted="objects")


def best_and_weakest(classes: Sequence[tuple[float, str, int]], *, figure: str, counted: str) -> str | None:
    """Return which class is best and which weakest; ``None`` where there are fewer than two.

    Args:
        classes: the figure of each class, its name, and how many there are of it.
        figure: what is compared, with its article.
        counted: what there are so many of.
    """
    ranked = sorted(classes)
    if len(ranked) < 2:
        return None
    if len(frequent := [one for one in ranked if one[2] >= _ENOUGH_OBJECTS]) >= 2:
        ranked = frequent
    (low, worst, few), (high, best, many) = ranked[0], ranked[-1]
    return (
        f"Best is {best} with {figure} of {high:.3f} ({many} {counted}), weakest is {worst} with {low:.3f} "
        f"({few} {counted})."
    )


def _costliest(result: Evaluation) -> str | None:
    errors = result.diagnosis.errors
    kind, cost = max(errors.cost.items(), key=lambda item: item[1])
    if cost <= 0:
        return "No kind of error costs any average precision at overlap 0.5."
    seen = result.diagnosis.errors_at_point.counts()[kind]
    name = KIND_WORDS[kind][0]
    point = result.diagnosis.point.score
    return (
        f"{name} errors cost most: without them mAP50 would be {100 * cost:.1f} points higher; "
        f"{seen} of them reach the score of {point:.2f}."
    )


def _confused(result: Evaluation) -> str | None:
    names = result.predictions.names
    if (found := most_mixed(result.diagnosis.confusion, len(names))) is None:
        return "No object was taken for another class at the operating score." if names else None
    count, marked, said = found
    return f"Most often mixed up: {names[marked]} was taken for {names[said]} {times(count)}."


def most_mixed(confusion: NDArray[np.int64], classes: int) -> tuple[int, int, int] | None:
    """Return how often the two classes that are mixed up most are, the marked one and the one said for it."""
    mixed = confusion[:classes, :classes].copy()
    np.fill_diagonal(mixed, 0)
    if not mixed.any():
        return None
    marked, said = divmod(int(mixed.argmax()), classes)
    return int(mixed[marked, said]), marked, said


def times(count: int) -> str:
    """Return how often in words."""
    return "once" if count == 1 else f"{count} times"


def _small(result: Evaluation) -> str | None:
    low, low_found, rest = 0, 0, list(result.diagnosis.heights)
    limit_px = None
    while rest and low < _ENOUGH_OBJECTS:
        band = rest.pop(0)
        low, low_found, limit_px = low + band.objects, low_found + band.found, band.high_px
    tall, tall_found = sum(band.objects for band in rest), sum(band.found for band in rest)
    if not tall:
        return None
    return (
        f"Of the objects less than {limit_px} px tall, {low_found} of {low} are found; of the taller ones "
        f"{tall_found} of {tall} ({tall_found / tall:.0%})."
    )


def about_scores(found: Calibration) -> str | None:
    """Return whether scores mean what they say; ``None`` where there are none."""
    if found.expected_error is None or found.overconfidence is None:
        return None
    if found.expected_error <= _WELL_CALIBRATED:
        return f"Scores mean what they say: they are off by {100 * found.expected_error:.1f} points on average."
    way = "too much" if found.overconfidence > 0 else "too little"
    return f"Scores promise {way}: they are off by {100 * found.expected_error:.1f} points on average."
