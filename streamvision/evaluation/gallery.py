"""The pictures on which a model is most wrong, with what is marked and what it said."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from streamvision.evaluation.diagnosis import Diagnosis
from streamvision.evaluation.error_types import ErrorReport
from streamvision.evaluation.matching import ImageMatch
from streamvision.evaluation.predictions import Predictions

MarkKind = Literal["hit", "false", "found", "missed"]


@dataclass(frozen=True)
class Mark:
    """One box to draw."""

    kind: MarkKind
    """``hit`` and ``false`` were said by the model; ``found`` and ``missed`` are marked objects."""
    box_xyxy_px: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels of the picture."""
    label: str
    """What to write beside it."""


@dataclass(frozen=True)
class GalleryPicture:
    """One picture and all that is to be drawn on it."""

    path: Path
    """The file."""
    width_px: int
    """Its width."""
    height_px: int
    """Its height."""
    marks: tuple[Mark, ...]
    """The boxes, those of the model last."""
    badness: float
    """Unfound objects, and false detections weighted by their score."""
    summary: str
    """What is wrong, in a few words."""


def worst_pictures(predictions: Predictions, diagnosis: Diagnosis, *, count: int) -> list[GalleryPicture]:
    """Return the pictures with most unfound objects and most confident false detections, the worst first."""
    kinds = false_kinds(diagnosis.errors_at_point)
    ranked = sorted(
        ((_badness(match), -index) for index, match in enumerate(diagnosis.matches) if _badness(match) > 0),
        reverse=True,
    )
    pictures = []
    for badness, negative in ranked[:count]:
        index = -negative
        image, match = predictions.images[index], diagnosis.matches[index]
        marks = marks_of(match, predictions.names, kinds[index])
        summary = _summary(match, kinds[index])
        pictures.append(GalleryPicture(image.path, image.width_px, image.height_px, marks, badness, summary))
    return pictures


def false_kinds(errors: ErrorReport) -> defaultdict[int, dict[int, str]]:
    """Return, by picture and row, why a detection is wrong."""
    kinds: defaultdict[int, dict[int, str]] = defaultdict(dict)
    for one in errors.false:
        kinds[one.image][one.row] = one.kind
    return kinds


def marks_of(match: ImageMatch, names: Sequence[str], kinds: dict[int, str]) -> tuple[Mark, ...]:
    """Return the boxes to draw on one picture."""
    marks = [
        Mark("found" if found else "missed", _box(box), names[class_id])
        for box, class_id, found, ignore in zip(
            match.truth.box_xyxy_px.tolist(),
            match.truth.class_id.tolist(),
            match.found.tolist(),
            match.truth.ignore.tolist(),
            strict=True,
        )
        if not ignore
    ]
    for row, (box, class_id, score) in enumerate(
        zip(match.box_xyxy_px.tolist(), match.class_id.tolist(), match.score.tolist(), strict=True)
    ):
        said = f"{names[class_id]} {score:.2f}"
        if row in kinds:
            marks.append(Mark("false", _box(box), f"{said} · {kinds[row]}"))
        elif match.hit[row]:
            marks.append(Mark("hit", _box(box), said))
    return tuple(marks)


def _badness(match: ImageMatch) -> float:
    unfound = int((~match.found & ~match.truth.ignore).sum())
    return unfound + float(match.score[match.false].sum())


def _summary(match: ImageMatch, kinds: dict[int, str]) -> str:
    unfound = int((~match.found & ~match.truth.ignore).sum())
    parts = [f"{unfound} not found"] if unfound else []
    counted = Counter(kinds.values())
    parts += [f"{counted[kind]} {kind}" for kind in sorted(counted)]
    return ", ".join(parts)


def _box(values: Sequence[float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = values
    return left, top, right, bottom
