"""The pictures on which a model is most wrong, with labels and detections, as data inside the page."""

from __future__ import annotations

import base64
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from streamvision.core.resampling import scaled
from streamvision.evaluation.diagnosis import Diagnosis
from streamvision.evaluation.error_types import ErrorReport
from streamvision.evaluation.matching import ImageMatch
from streamvision.evaluation.predictions import Predictions

MarkKind = Literal["hit", "false", "found", "missed"]
JPEG_QUALITY = 78
FONT_SHARE = 0.03
"""Height of letters, as a share of the picture's longer side."""
LETTER_WIDTH = 0.58
"""Mean width of a letter, as a share of its height."""


@dataclass(frozen=True)
class Mark:
    """One box to draw."""

    kind: MarkKind
    """``hit`` and ``false`` are the model's detections; ``found`` and ``missed`` are marked objects."""
    box_xyxy_px: Sequence[float]
    """Left, top, right, bottom in pixels of the picture."""
    label: str
    """What to write beside it."""


@dataclass(frozen=True)
class WorstPicture:
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


def worst_pictures(predictions: Predictions, diagnosis: Diagnosis, *, count: int) -> list[WorstPicture]:
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
        pictures.append(WorstPicture(image.path, image.width_px, image.height_px, marks, badness, summary))
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
        Mark("found" if found else "missed", box, names[class_id])
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
        words = f"{names[class_id]} {score:.2f}"
        if row in kinds:
            marks.append(Mark("false", box, f"{words} · {kinds[row]}"))
        elif match.hit[row]:
            marks.append(Mark("hit", box, words))
    return tuple(marks)


def _badness(match: ImageMatch) -> float:
    unfound = int(match.unfound.sum())
    return unfound + float(match.score[match.false].sum())


def _summary(match: ImageMatch, kinds: dict[int, str]) -> str:
    unfound = int(match.unfound.sum())
    parts = [f"{unfound} not found"] if unfound else []
    counted = Counter(kinds.values())
    parts += [f"{counted[kind]} {kind}" for kind in sorted(counted)]
    return ", ".join(parts)


def data_uri(bgr: NDArray[np.uint8], *, longest_px: int) -> str:
    """Return a picture as a JPEG data URI, made smaller where its longer side has more pixels than that."""
    small = scaled(bgr, min(longest_px / max(bgr.shape[:2]), 1.0))
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode('ascii')}"


def overlay(picture: WorstPicture) -> Markup:
    """Return the boxes of a picture as SVG in the picture's own pixels."""
    font = FONT_SHARE * max(picture.width_px, picture.height_px)
    boxes = Markup("").join(
        Markup(
            '<g class="mark {}"><rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
            '<text x="{:.1f}" y="{:.1f}" font-size="{:.2f}">{}</text></g>'
        ).format(
            *(mark.kind, left, top, right - left, bottom - top),
            *_label_place(mark, picture, font),
            *(font, mark.label if mark.kind != "found" else ""),
        )
        for mark in picture.marks
        for left, top, right, bottom in [mark.box_xyxy_px]
    )
    return Markup('<svg viewBox="0 0 {} {}" aria-hidden="true">{}</svg>').format(
        picture.width_px, picture.height_px, boxes
    )


def _label_place(mark: Mark, picture: WorstPicture, font: float) -> tuple[float, float]:
    """Return where a label begins: the model's words above the box, missed objects' below, both inside the picture."""
    left, top, _, bottom = mark.box_xyxy_px
    edge = font / 3
    x = max(min(left, picture.width_px - edge - LETTER_WIDTH * font * len(mark.label)), edge)
    y = bottom + 1.1 * font if mark.kind == "missed" else top - edge
    return x, min(max(y, 1.05 * font), picture.height_px - edge)
