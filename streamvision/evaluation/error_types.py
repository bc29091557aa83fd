"""Why a detector is wrong: its errors told apart, and what each kind costs.

After Bolya, Foley, Hays and Hoffman, "TIDE: A General Toolbox for Identifying Object Detection Errors" (ECCV 2020,
arXiv:2008.08115). A false detection is, by its overlap with the marked objects:

- ``localisation``: on an object of its class, but only by 0.1 to 0.5;
- ``classification``: on an object of another class, by 0.5 or more;
- ``duplicate``: on an object of its class that a better detection has already found;
- ``background``: on nothing, less than 0.1;
- ``both``: neither place nor class is right, which is all that is left.

An object is ``missed`` when it is not found and no false detection of the first two kinds belongs to it. What a kind
costs is how far the mean average precision at overlap 0.5 would rise if an oracle mended just these errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from streamvision.evaluation.coco_metrics import RECALL_LEVELS
from streamvision.evaluation.matching import HIT_IOU, ImageMatch

BACKGROUND_IOU = 0.1
"""Overlap up to which a detection is on nothing."""

FalseKind = Literal["classification", "localisation", "both", "duplicate", "background"]
ErrorKind = Literal["classification", "localisation", "both", "duplicate", "background", "missed"]
FALSE_KINDS: tuple[FalseKind, ...] = get_args(FalseKind)


@dataclass(frozen=True)
class FalseDetection:
    """One detection that is wrong."""

    image: int
    """Index of its picture."""
    row: int
    """Its row among the picture's matched detections."""
    kind: FalseKind
    """Why it is wrong."""
    object_index: int | None
    """The marked object that it belongs to, or was too late or too vague for; ``None`` for background and both."""


@dataclass(frozen=True)
class MissedObject:
    """One marked object that nothing has found, not even nearly."""

    image: int
    """Index of its picture."""
    object_index: int
    """Which of the picture's objects it is."""


@dataclass(frozen=True, eq=False)
class ErrorReport:
    """All errors of a model on a data set."""

    false: tuple[FalseDetection, ...]
    """Wrong detections."""
    missed: tuple[MissedObject, ...]
    """Missed objects."""
    map50: float
    """Mean average precision at the overlap 0.5, as it is."""
    cost: dict[ErrorKind, float]
    """By kind, how much higher ``map50`` would be without these errors, never below 0."""
    cost_of_false: float
    """How much higher it would be without any false detection."""
    cost_of_unfound: float
    """How much higher it would be if there were only the objects that were found."""

    def counts(self) -> dict[ErrorKind, int]:
        """Return how many errors there are of each kind."""
        counts: dict[ErrorKind, int] = {kind: sum(one.kind == kind for one in self.false) for kind in FALSE_KINDS}
        return counts | {"missed": len(self.missed)}


def explain_errors(matches: Sequence[ImageMatch], *, classes: int) -> ErrorReport:
    """Tell the errors of all detections apart and find what each kind costs.

    Args:
        matches: what became of the detections, picture by picture.
        classes: how many classes the data set has.
    """
    false: list[FalseDetection] = []
    missed: list[MissedObject] = []
    for image, match in enumerate(matches):
        of_image = [_kind_of(match, image, int(row)) for row in np.flatnonzero(match.false)]
        false += of_image
        nearly = {one.object_index for one in of_image if one.kind in ("classification", "localisation")}
        unfound = np.flatnonzero(match.unfound)
        missed += [MissedObject(image, int(index)) for index in unfound if int(index) not in nearly]
    table = _Table(matches, false, classes)
    as_it_is = table.map50()
    cost: dict[ErrorKind, float] = {
        "classification": table.map50(mended="classification"),
        "localisation": table.map50(mended="localisation"),
        "both": table.map50(dropped=("both",)),
        "duplicate": table.map50(dropped=("duplicate",)),
        "background": table.map50(dropped=("background",)),
        "missed": table.map50(objects=table.objects - _per_class(matches, missed, classes)),
    }
    return ErrorReport(
        tuple(false),
        tuple(missed),
        as_it_is,
        {kind: max(value - as_it_is, 0.0) for kind, value in cost.items()},
        table.map50(dropped=FALSE_KINDS) - as_it_is,
        table.map50(objects=table.found) - as_it_is,
    )


def _kind_of(match: ImageMatch, image: int, row: int) -> FalseDetection:
    iou = np.where(match.truth.ignore, 0.0, match.iou[row])
    same = match.truth.class_id == match.class_id[row]

    def error(kind: FalseKind, object_index: int | None = None) -> FalseDetection:
        return FalseDetection(image, row, kind, object_index)

    if not len(iou):
        return error("background")
    own, other = np.where(same, iou, 0.0), np.where(same, 0.0, iou)
    if BACKGROUND_IOU <= own.max() < HIT_IOU:
        return error("localisation", int(own.argmax()))
    if other.max() >= HIT_IOU:
        return error("classification", int(other.argmax()))
    if own.max() >= HIT_IOU:
        return error("duplicate", int(own.argmax()))
    return error("background" if iou.max() < BACKGROUND_IOU else "both")


class _Table:
    """All detections that count, and what the oracle can change about them."""

    def __init__(self, matches: Sequence[ImageMatch], false: Sequence[FalseDetection], classes: int) -> None:
        self._classes = classes
        starts = np.cumsum([0, *(len(match.score) for match in matches)])
        self._score = np.concatenate([match.score for match in matches])
        self._class_id = np.concatenate([match.class_id for match in matches])
        self._hit = np.concatenate([match.hit for match in matches])
        self._counts = np.concatenate([~match.ignored for match in matches])
        self._kind = np.full(len(self._score), len(FALSE_KINDS))
        self._mended_class = self._class_id.copy()
        self._mends = np.zeros(len(self._score), bool)
        best: dict[tuple[int, int], int] = {}
        for one in false:
            row = int(starts[one.image]) + one.row
            self._kind[row] = FALSE_KINDS.index(one.kind)
            if one.kind in ("classification", "localisation") and one.object_index is not None:
                match = matches[one.image]
                self._mended_class[row] = match.truth.class_id[one.object_index]
                place = (one.image, one.object_index)
                # Only the best of an object's false detections can become its finder; the others would be duplicates.
                free = not match.found[one.object_index]
                if free and (place not in best or self._score[row] > self._score[best[place]]):
                    best[place] = row
        self._mends[list(best.values())] = True
        self.objects = _class_counts(matches, lambda match: ~match.truth.ignore, classes)
        self.found = _class_counts(matches, lambda match: match.found, classes)

    def map50(
        self,
        *,
        mended: FalseKind | None = None,
        dropped: Sequence[FalseKind] = (),
        objects: NDArray[np.int64] | None = None,
    ) -> float:
        """Return the mean average precision after an oracle has mended or dropped errors or taken objects away."""
        class_id, hit, kept = self._class_id, self._hit, self._counts
        if mended is not None:
            changed = self._kind == FALSE_KINDS.index(mended)
            class_id = np.where(changed, self._mended_class, class_id)
            hit = hit | (changed & self._mends)
            kept = kept & ~(changed & ~self._mends)
        if dropped:
            kept = kept & ~np.isin(self._kind, [FALSE_KINDS.index(kind) for kind in dropped])
        objects = self.objects if objects is None else objects
        rows = [np.flatnonzero(kept & (class_id == one)) for one in range(self._classes)]
        return mean_of(
            average_precision(self._score[of_class], hit[of_class], objects=int(objects[one]))
            for one, of_class in enumerate(rows)
        )


def _class_counts(
    matches: Sequence[ImageMatch], chosen: Callable[[ImageMatch], NDArray[np.bool_]], classes: int
) -> NDArray[np.int64]:
    counts = np.zeros(classes, np.int64)
    for match in matches:
        counts += np.bincount(match.truth.class_id[chosen(match)], minlength=classes)
    return counts


def _per_class(matches: Sequence[ImageMatch], missed: Sequence[MissedObject], classes: int) -> NDArray[np.int64]:
    ids = [int(matches[one.image].truth.class_id[one.object_index]) for one in missed]
    return np.bincount(np.array(ids, np.int64), minlength=classes)


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
