"""Diagnoses a model from its detections alone: kinds of errors, confused classes, heights of objects, scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.evaluation.error_types import ErrorReport, explain_errors
from streamvision.evaluation.matching import HIT_IOU, ImageMatch, match_predictions
from streamvision.evaluation.predictions import Predictions, rounded
from streamvision.evaluation.scores import Calibration, ClassPoint, OperatingPoint, calibration, operating_point

HEIGHT_EDGES_PX = (0, 8, 16, 32, 64, 128, 256)


def confusion_matrix(matches: Sequence[ImageMatch], *, classes: int) -> NDArray[np.int64]:
    """Return (classes + 1, classes + 1) counts: rows are labels, columns predictions.

    The last row counts detections of nothing, the last column objects without a detection. Right detections
    are paired first; of what is left, those pairs that overlap most, from 0.5 on.
    """
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    for match in matches:
        hit = match.hit
        np.add.at(counts, (match.class_id[hit], match.class_id[hit]), 1)
        rows, objects = np.flatnonzero(match.false), np.flatnonzero(match.unfound)
        iou = match.iou[np.ix_(rows, objects)]
        while iou.size and iou.max() >= HIT_IOU:
            row, column = np.unravel_index(iou.argmax(), iou.shape)
            counts[match.truth.class_id[objects[column]], match.class_id[rows[row]]] += 1
            iou = np.delete(np.delete(iou, row, axis=0), column, axis=1)
            rows, objects = np.delete(rows, row), np.delete(objects, column)
        np.add.at(counts[-1], match.class_id[rows], 1)
        np.add.at(counts[:, -1], match.truth.class_id[objects], 1)
    return counts


@dataclass(frozen=True)
class HeightBand:
    """Objects of about the same height."""

    low_px: int
    """Least height."""
    high_px: int | None
    """Heights are below this; ``None`` for the last band, which has no end."""
    objects: int
    """How many objects there are."""
    found: int
    """How many of them were found."""

    @property
    def label(self) -> str:
        """The band in words."""
        return f"{self.low_px}-{self.high_px} px" if self.high_px else f"{self.low_px} px and more"


def by_height(matches: Sequence[ImageMatch]) -> tuple[HeightBand, ...]:
    """Return objects and found objects by height, leaving out the empty bands at both ends."""
    height = np.concatenate([_heights(match) for match in matches])
    found = np.concatenate([match.found[~match.truth.ignore] for match in matches])
    place = np.searchsorted(HEIGHT_EDGES_PX, height, side="right") - 1
    bands = [
        HeightBand(low, high, int((place == index).sum()), int(found[place == index].sum()))
        for index, (low, high) in enumerate(zip(HEIGHT_EDGES_PX, (*HEIGHT_EDGES_PX[1:], None), strict=True))
    ]
    filled = [index for index, band in enumerate(bands) if band.objects]
    return tuple(bands[filled[0] : filled[-1] + 1]) if filled else ()


def _heights(match: ImageMatch) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    boxes = match.truth.box_xyxy_px[~match.truth.ignore]
    return (boxes[:, 3] - boxes[:, 1]).reshape(-1)


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """Why a model is as good as it is; all at overlap 0.5."""

    point: OperatingPoint
    """The score at which it is best used."""
    errors: ErrorReport
    """All errors, as average precision sees them."""
    matches: tuple[ImageMatch, ...]
    """What became of the detections that reach the score of ``point``, picture by picture."""
    errors_at_point: ErrorReport
    """The errors among these, as a user sees them."""
    confusion: NDArray[np.int64]
    """(classes + 1, classes + 1) labels by predictions, at the score of ``point``; last row and column: nothing."""
    calibration: Calibration
    """Whether scores mean what they say."""
    heights: tuple[HeightBand, ...]
    """How many objects of each height are found, at the score of ``point``."""

    def to_json(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the findings as plain values."""
        counts, seen = self.errors.counts(), self.errors_at_point.counts()
        return {
            "operating_point": {
                "score": self.point.score,
                "f1": rounded(self.point.f1),
                "precision": rounded(self.point.precision),
                "recall": rounded(self.point.recall),
                "best_score_by_class": {
                    name: best.score for name, best in zip(names, self.point.own_best, strict=True) if best and best.f1
                },
            },
            "errors": {
                kind: {"map50_cost": rounded(cost), "count": counts[kind], "count_at_operating_point": seen[kind]}
                for kind, cost in self.errors.cost.items()
            },
            "calibration": self.calibration.to_json("detections"),
            "confusion": {"names": [*names, None], "marked_by_said": self.confusion.tolist()},
            "by_height": [
                {"low_px": band.low_px, "high_px": band.high_px, "objects": band.objects, "found": band.found}
                for band in self.heights
            ],
        }

    def at_point(self, class_id: int) -> ClassPoint | None:
        """Return one class at the common score; ``None`` for classes without objects."""
        return self.point.at_score[class_id]


def diagnose(predictions: Predictions) -> Diagnosis:
    """Diagnose what a model found."""
    classes = len(predictions.names)
    everything = match_predictions(predictions)
    point = operating_point(everything, classes=classes)
    usable = tuple(match_predictions(predictions, lowest_score=point.score))
    return Diagnosis(
        point=point,
        errors=explain_errors(everything, classes=classes),
        matches=usable,
        errors_at_point=explain_errors(usable, classes=classes),
        confusion=confusion_matrix(usable, classes=classes),
        calibration=calibration(everything),
        heights=by_height(usable),
    )
