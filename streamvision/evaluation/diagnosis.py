"""Everything that can be said about a model's detections without looking at pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.evaluation.calibration import Calibration, calibration
from streamvision.evaluation.confusion import confusion_matrix
from streamvision.evaluation.error_types import ErrorReport, explain_errors
from streamvision.evaluation.heights import HeightBand, by_height
from streamvision.evaluation.matching import ImageMatch, match_predictions
from streamvision.evaluation.operating_point import ClassPoint, OperatingPoint, operating_point
from streamvision.evaluation.predictions import Predictions

_DECIMALS = 6


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
    """(classes + 1, classes + 1) marked by said, at the score of ``point``; last row and column: nothing."""
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
                "f1": _rounded(self.point.f1),
                "precision": _rounded(self.point.precision),
                "recall": _rounded(self.point.recall),
                "best_score_by_class": {
                    name: best.score for name, best in zip(names, self.point.own_best, strict=True) if best and best.f1
                },
            },
            "errors": {
                kind: {"map50_cost": _rounded(cost), "count": counts[kind], "count_at_operating_point": seen[kind]}
                for kind, cost in self.errors.cost.items()
            },
            "calibration": {
                "expected_error": _rounded(self.calibration.expected_error),
                "largest_error": _rounded(self.calibration.largest_error),
                "overconfidence": _rounded(self.calibration.overconfidence),
                "detections": self.calibration.count,
            },
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
    """Look into what was found."""
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


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DECIMALS)
