"""What the reports of all tasks have in common: confusions, scores, the map of crops, look-alikes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from streamvision.core import page_charts
from streamvision.evaluation.crops import MIN_SIDE_PX, CropMap, LookAlikes, ObjectCrop, find_look_alikes, map_crops
from streamvision.evaluation.features import CropEmbedder
from streamvision.evaluation.report.page import write_page
from streamvision.evaluation.report.pictures import data_uri
from streamvision.evaluation.scores import Calibration

MAX_PICTURES = 24
MAX_CROPS = 1000
MAX_TRAINING_CROPS = 3000
MAX_LOOK_ALIKES = 12
PICTURE_PX = 720
CROP_PX = 72
_MATRIX_CLASSES = 24
"""More classes than this make no readable matrix; the table of the most frequent mix-ups is shown alone."""
_MIXED = 12


def write_report(path: Path, template: str, *, title: str, **context: Any) -> None:
    """Fill in a template of this folder with the script that all reports share.

    Raises:
        OutputError: when the file cannot be written.
    """
    here = Path(__file__).parent
    script = Markup((here / "report.js").read_text(encoding="utf-8"))
    write_page(path, here / template, title=title, js=script, **context)


def colored(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of classes with a colour each, in their order."""
    return [row | {"color": page_charts.color_of(index)} for index, row in enumerate(rows)]


def reliability(calibration: Calibration, counted: str) -> Markup:
    """Return the reliability diagram; ``counted`` says in the plural what was compared."""
    bins = [(one.low, one.high, one.precision, one.count) for one in calibration.bins]
    return page_charts.reliability_chart(bins, title="Reliability diagram", counted=counted)


def confusion_of(counts: NDArray[np.int64], names: Sequence[str], other: str, *, keep_other: bool) -> dict[str, Any]:
    """Return the matrix of confusions and the most frequent mix-ups for the page.

    Args:
        counts: (C or C + 1, C + 1) by what is marked and what was said; what is beyond the names is ``other``.
        names: class names.
        other: what stands beyond the classes, in a word.
        keep_other: whether it is shown where nothing was counted there.
    """
    classes, every = len(names), [*names, other]
    square = np.zeros((classes + 1, classes + 1), np.int64)
    square[: len(counts)] = counts
    totals = square.sum(axis=1)
    active = [index for index in range(classes + 1) if totals[index] or square[:, index].any()]
    if keep_other and classes not in active:
        active.append(classes)
    wrong = square[:classes, :classes].copy()
    np.fill_diagonal(wrong, 0)
    most = np.argsort(-wrong.reshape(-1), kind="stable")[:_MIXED].tolist()
    mixed = [
        (int(wrong[marked, said]), every[marked], every[said])
        for marked, said in (divmod(at, classes) for at in most)
        if wrong[marked, said]
    ]
    matrix = None
    if len(active) <= _MATRIX_CLASSES + 1:
        matrix = [
            {
                "name": every[marked],
                "total": int(totals[marked]),
                "cells": [_cell(square, totals, marked, said, every) for said in active],
            }
            for marked in active
            if marked < len(counts)
        ]
    return {"names": [every[index] for index in active], "matrix": matrix, "mixed": mixed}


def _cell(square: NDArray[np.int64], totals: Any, marked: int, said: int, names: Sequence[str]) -> dict[str, Any]:
    return {
        "said": names[said],
        "count": int(square[marked, said]),
        "share": float(square[marked, said] / totals[marked]) if totals[marked] else 0.0,
        "right": marked == said,
        "empty": marked == said == len(names) - 1,
    }


def map_of(
    crops: Sequence[ObjectCrop], names: Sequence[str], colors: dict[str, str], embedder: CropEmbedder, *, total: int
) -> dict[str, Any] | None:
    """Return the map of crops for the page; ``None`` where there are too few.

    Args:
        crops: the crops.
        names: class names.
        colors: by name, the CSS class of its colour; classes without one have no crops.
        embedder: turns crops into vectors.
        total: how many there are of which the crops were chosen.
    """
    if not crops:
        return None
    class_id = np.array([crop.class_id for crop in crops], np.int64)
    found = map_crops(embedder.embed([crop.bgr for crop in crops]), class_id, names)
    if found is None:
        return None
    color = [colors[names[crop.class_id]] for crop in crops]
    odd = [one.index for one in found.odd]
    thumbs = [data_uri(crop.bgr, longest_px=CROP_PX) for crop in crops]
    rows = [
        {"name": names[crop.class_id], "file": crop.path.name, "uri": thumb}
        for crop, thumb in zip(crops, thumbs, strict=True)
    ]
    return {
        "count": len(crops),
        "most": MAX_CROPS,
        "min_side_px": MIN_SIDE_PX,
        "total": total,
        "pca": _scatter(found, "pca", color, odd),
        "tsne": _scatter(found, "tsne", color, odd),
        "crops": Markup(_json_for_page(rows)),
        "odd": [
            {"uri": thumbs[one.index], "reason": one.reason, "file": crops[one.index].path.name} for one in found.odd
        ],
    }


def _scatter(found: CropMap, which: str, color: Sequence[str], odd: Sequence[int]) -> Markup:
    points = [(x, y) for x, y in getattr(found, which).tolist()]
    return page_charts.scatter_chart(points, color, odd, title=f"Map of the crops ({which})")


def look_alikes_of(
    pixels: Sequence[NDArray[np.uint8]],
    titles: Sequence[str],
    training: Sequence[ObjectCrop],
    names: Sequence[str],
    embedder: CropEmbedder,
) -> list[dict[str, Any]]:
    """Return for each crop the training crops most like it, for the page."""
    if not pixels or not training:
        return []
    features = embedder.embed([crop.bgr for crop in training])
    return [_alike_json(one, names) for one in find_look_alikes(pixels, titles, training, features, embedder)]


def _alike_json(one: LookAlikes, names: Sequence[str]) -> dict[str, Any]:
    return {
        "uri": data_uri(one.bgr, longest_px=2 * CROP_PX),
        "title": one.title,
        "alike": [
            {
                "uri": data_uri(crop.bgr, longest_px=2 * CROP_PX),
                "name": names[crop.class_id],
                "file": crop.path.name,
                "likeness": likeness,
            }
            for crop, likeness in one.alike
        ],
    }


def _json_for_page(value: object) -> str:
    """Return JSON that may stand inside a script element, whatever file names hold."""
    return json.dumps(value).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
