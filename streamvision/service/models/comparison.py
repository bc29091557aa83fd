"""What two models find on the same pictures, counted up: how far they agree, by class, and how long each takes."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamvision.core.boxes import overlapping
from streamvision.core.detections import Detections, class_name
from streamvision.core.image_result import ImageResult
from streamvision.core.model_control import ClassAgreement, Latency, ModelComparison
from streamvision.core.telemetry import Distribution
from streamvision.inference.model import Prediction
from streamvision.inference.model_card import OBJECT_TASKS, Task

COMPARABLE_TASKS = (*OBJECT_TASKS, "classify", "semantic", "embed", "text", "caption")
"""Tasks for which it is said how far two models agree."""
MAX_CLASSES = 100
"""Most classes in the figures."""
_SAMPLES = 1024


@dataclass(frozen=True, eq=False)
class Compared:
    """One picture that both models saw."""

    agreement: float | None
    """How far they agree, 0 to 1; ``None`` where neither found anything, or that cannot be said of their task."""
    current_matched: NDArray[np.bool_]
    """(N,) which objects of the present model the new one found, too."""
    new_matched: NDArray[np.bool_]
    """(M,) which objects of the new model the present one found, too."""


class Comparison:
    """Of a present model and a new one. One thread adds pictures, any may ask for the figures.

    Args:
        task: what both are for.
        min_iou: least overlap of two boxes of one class that are the same object.
    """

    def __init__(self, task: Task, *, min_iou: float) -> None:
        self._task = task
        self._min_iou = min_iou
        self._current: Counter[int] = Counter()
        self._new: Counter[int] = Counter()
        self._matched: Counter[int] = Counter()
        self._iou_sum = 0.0
        self._agreement_sum = 0.0
        self._judged = 0
        self._pictures = 0
        self._names: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._current_s, self._new_s = Distribution(_SAMPLES), Distribution(_SAMPLES)
        self.slowest_new_s: float | None = None
        """The longest that the new model took for a picture; ``None`` before the first one."""

    @property
    def objects(self) -> int:
        """How many objects of the present model were compared; of models of whole pictures, how many pictures."""
        return sum(self._current.values()) if self._task in OBJECT_TASKS else self._judged

    @property
    def agreement(self) -> float | None:
        """How far both agree so far; ``None`` where nothing can be said."""
        if self._task not in OBJECT_TASKS:
            return self._agreement_sum / self._judged if self._judged else None
        found = sum(self._current.values()) + sum(self._new.values())
        return 2 * sum(self._matched.values()) / found if found else None

    def add(
        self, current: Prediction, new: Prediction, *, names: tuple[str, ...], current_s: float, new_s: float
    ) -> Compared:
        """Add what both say of a picture, and how long each took for it.

        Args:
            current: what the present model says.
            new: what the new model says, by the same class numbers.
            names: class names by class id.
            current_s: how long the present model took.
            new_s: how long the new model took.
        """
        with self._lock:
            return self._add(current, new, names, current_s, new_s)

    def _add(
        self, current: Prediction, new: Prediction, names: tuple[str, ...], current_s: float, new_s: float
    ) -> Compared:
        self._names = names
        self._pictures += 1
        self._current_s.add(current_s)
        self._new_s.add(new_s)
        self.slowest_new_s = max(self.slowest_new_s or 0.0, new_s)
        if self._task in OBJECT_TASKS:
            return self._add_objects(current.detections, new.detections)
        nothing = np.zeros(0, np.bool_)
        agreement = _image_agreement(current.image_result, new.image_result)
        if agreement is not None:
            self._judged += 1
            self._agreement_sum += agreement
        return Compared(agreement, nothing, nothing)

    def figures(self) -> ModelComparison:
        """Return the figures so far."""
        with self._lock:
            return self._figures()

    def _figures(self) -> ModelComparison:
        agreement, matched = self.agreement, sum(self._matched.values())
        ids = [class_id for class_id, _ in (self._current + self._new).most_common(MAX_CLASSES)]
        return ModelComparison(
            pictures=self._pictures,
            agreement=None if agreement is None else round(agreement, 4),
            mean_iou=round(self._iou_sum / matched, 4) if matched else None,
            classes=tuple(
                ClassAgreement(class_name(one, self._names), self._current[one], self._new[one], self._matched[one])
                for one in ids
            ),
            current_ms=_latency(self._current_s),
            new_ms=_latency(self._new_s),
        )

    def _add_objects(self, current: Detections, new: Detections) -> Compared:
        rows, columns, iou = matched_pairs(current, new, min_iou=self._min_iou)
        self._current.update(current.class_id.tolist())
        self._new.update(new.class_id.tolist())
        self._matched.update(current.class_id[rows].tolist())
        self._iou_sum += float(iou.sum())
        current_matched, new_matched = np.zeros(len(current), np.bool_), np.zeros(len(new), np.bool_)
        current_matched[rows], new_matched[columns] = True, True
        found = len(current) + len(new)
        return Compared(2 * len(rows) / found if found else None, current_matched, new_matched)


def matched_pairs(
    current: Detections, new: Detections, *, min_iou: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return which objects of two sets are the same ones: of one class, those that overlap most first, each once.

    Returns:
        (P,) rows of the first, (P,) rows of the second, (P,) their overlaps.
    """
    found = overlapping(current.box_xyxy_px, new.box_xyxy_px)
    fits = (current.class_id[found.row] == new.class_id[found.column]) & (found.iou >= min_iou)
    row, column, iou = found.row[fits], found.column[fits], found.iou[fits]
    taken_rows: set[int] = set()
    taken_columns: set[int] = set()
    chosen = []
    for at in np.argsort(-iou, kind="stable").tolist():
        pair = int(row[at]), int(column[at])
        if pair[0] not in taken_rows and pair[1] not in taken_columns:
            taken_rows.add(pair[0])
            taken_columns.add(pair[1])
            chosen.append(at)
    return row[chosen], column[chosen], iou[chosen].astype(np.float64)


def _image_agreement(current: ImageResult | None, new: ImageResult | None) -> float | None:
    if current is None or new is None:
        return None
    if current.class_score is not None and new.class_score is not None:
        return float(int(current.class_score.argmax()) == int(new.class_score.argmax()))
    if current.class_map is not None and new.class_map is not None:
        one, other = current.class_map, new.class_map
        rows, columns = (
            (np.arange(one.shape[axis]) * other.shape[axis] // one.shape[axis]).astype(np.intp) for axis in (0, 1)
        )
        return float((one == other[np.ix_(rows, columns)]).mean())
    if current.embedding is not None and new.embedding is not None:
        if current.embedding.shape != new.embedding.shape:
            return 0.0
        return float(np.clip(current.embedding @ new.embedding, 0.0, 1.0))
    if current.text is not None and new.text is not None:
        return float(current.text == new.text)
    return None


def _latency(samples: Distribution) -> Latency | None:
    quantiles = samples.quantiles()
    if quantiles is None:
        return None
    return Latency(round(1e3 * quantiles["p50"], 2), round(1e3 * quantiles["p95"], 2))
