"""Puts an evaluation into one HTML file that needs nothing from anywhere else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from streamvision.core import charts
from streamvision.datasets.dataset import Dataset
from streamvision.evaluation.coco_metrics import RECALL_LEVELS
from streamvision.evaluation.crops import (
    MIN_SIDE_PX,
    CropMap,
    LookAlikes,
    ObjectCrop,
    cut_crops,
    find_look_alikes,
    map_crops,
    unfound_objects,
)
from streamvision.evaluation.evaluate import Evaluation
from streamvision.evaluation.features import CropEmbedder
from streamvision.evaluation.predictions import read_bgr
from streamvision.evaluation.report.page import write_page
from streamvision.evaluation.report.pictures import data_uri, overlay, worst_pictures
from streamvision.evaluation.report.words import KIND_WORDS, in_short

MAX_PICTURES = 24
MAX_CROPS = 1000
MAX_TRAINING_CROPS = 3000
MAX_LOOK_ALIKES = 12
PICTURE_PX = 720
CROP_PX = 72
_CROWDED = 9
"""On a small picture with more boxes than this, words would hide what they are about."""
_MATRIX_CLASSES = 24
"""More classes than this make no readable matrix; the table of the most frequent mix-ups is shown alone."""


def build_report(
    result: Evaluation, path: Path, *, title: str, embedder: CropEmbedder, training: Dataset | None = None
) -> None:
    """Write the report.

    Args:
        result: the evaluation.
        path: the HTML file.
        title: what was measured, in a few words.
        embedder: turns crops into vectors.
        training: the pictures that the model was trained with, to find look-alikes among; ``None`` where unknown.

    Raises:
        OutputError: when the file cannot be written.
        MissingDependencyError: when scikit-learn is not installed.
    """
    here = Path(__file__).parent
    script = Markup((here / "report.js").read_text(encoding="utf-8"))
    context = _context(result, embedder, training)
    write_page(path, here / "report.html", title=title, js=script, **context)


def _context(result: Evaluation, embedder: CropEmbedder, training: Dataset | None) -> dict[str, Any]:
    classes = _classes(result)
    colors = {row["name"]: row["color"] for row in classes}
    return {
        "result": result,
        "figures": result.figures,
        "diagnosis": result.diagnosis,
        "sentences": in_short(result),
        "classes": classes,
        "curves": _curves(result, classes),
        "errors": _errors(result),
        "confusion": _confusion(result),
        "reliability": charts.reliability_chart(
            [(one.low, one.high, one.precision, one.count) for one in result.diagnosis.calibration.bins],
            title="Reliability diagram",
        ),
        "heights": result.diagnosis.heights,
        "gallery": [
            {
                "picture": picture,
                "crowded": len(picture.marks) > _CROWDED,
                "uri": data_uri(read_bgr(picture.path), longest_px=PICTURE_PX),
                "marks": overlay(picture),
            }
            for picture in worst_pictures(result.predictions, result.diagnosis, count=MAX_PICTURES)
        ],
        "map": _map(result, embedder, colors),
        "look_alikes": _look_alikes(result, embedder, training),
        "has_training": training is not None,
        "embedding": embedder.description,
        "facts": result.to_json()["settings"],
    }


def _classes(result: Evaluation) -> list[dict[str, Any]]:
    """Return the classes that have objects, those with most objects first; that order gives the colours."""
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "figures": figures,
            "at_point": result.diagnosis.point.at_score[class_id],
            "own_best": result.diagnosis.point.own_best[class_id],
        }
        for class_id, (name, figures) in enumerate(result.figures.per_class.items())
        if figures.objects
    ]
    rows.sort(key=lambda row: -row["figures"].objects)
    return [row | {"color": charts.color_of(index)} for index, row in enumerate(rows)]


def _curves(result: Evaluation, classes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    curves = [row["figures"].precision50 for row in classes]
    series = [
        charts.Series(
            row["name"],
            row["color"],
            list(zip(RECALL_LEVELS.tolist(), curve.tolist(), strict=True)),
            f"mAP50 {row['figures'].map50:.3f}",
        )
        for row, curve in zip(classes, curves, strict=True)
        if curve is not None
    ]
    if len(series) > 1:
        mean = np.mean([curve for curve in curves if curve is not None], axis=0)
        points = list(zip(RECALL_LEVELS.tolist(), mean.tolist(), strict=True))
        series.insert(0, charts.Series("all classes", "mean", points, f"mAP50 {result.figures.map50:.3f}"))
    drawn = sorted(enumerate(series), key=lambda one: (one[1].color != "other", one[1].color == "mean"))
    return {
        "series": series,
        "chart": charts.line_chart(
            drawn, x_title="recall", y_title="precision", title="Precision and recall of each class at overlap 0.5"
        ),
    }


def _errors(result: Evaluation) -> list[dict[str, Any]]:
    errors = result.diagnosis.errors
    counts, seen = errors.counts(), result.diagnosis.errors_at_point.counts()
    most = max(errors.cost.values()) or 1.0
    return [
        {
            "kind": kind,
            "name": KIND_WORDS[kind][0],
            "advice": KIND_WORDS[kind][1],
            "cost": cost,
            "share": cost / most,
            "count": counts[kind],
            "seen": seen[kind],
        }
        for kind, cost in sorted(errors.cost.items(), key=lambda item: -item[1])
    ]


def _confusion(result: Evaluation) -> dict[str, Any]:
    counts, names = result.diagnosis.confusion, [*result.predictions.names, "nothing"]
    active = [index for index in range(len(names)) if counts[index].sum() or counts[:, index].sum()]
    if len(names) - 1 not in active:
        active.append(len(names) - 1)
    totals = counts.sum(axis=1)
    mixed = [
        (int(counts[marked, said]), names[marked], names[said])
        for marked in range(len(names) - 1)
        for said in range(len(names) - 1)
        if marked != said and counts[marked, said]
    ]
    matrix = None
    if len(active) <= _MATRIX_CLASSES + 1:
        matrix = [
            {
                "name": names[marked],
                "total": int(totals[marked]),
                "cells": [
                    {
                        "said": names[said],
                        "count": int(counts[marked, said]),
                        "share": float(counts[marked, said] / totals[marked]) if totals[marked] else 0.0,
                        "right": marked == said,
                        "empty": marked == said == len(names) - 1,
                    }
                    for said in active
                ],
            }
            for marked in active
        ]
    return {"names": [names[index] for index in active], "matrix": matrix, "mixed": sorted(mixed, reverse=True)[:12]}


def _map(result: Evaluation, embedder: CropEmbedder, colors: dict[str, str]) -> dict[str, Any] | None:
    crops = cut_crops(result.predictions.images, at_most=MAX_CROPS)
    if not crops:
        return None
    names = result.predictions.names
    class_id = np.array([crop.class_id for crop in crops], np.int64)
    found = map_crops(embedder.embed([crop.bgr for crop in crops]), class_id, names)
    if found is None:
        return None
    color = [colors[names[crop.class_id]] for crop in crops]
    odd = [one.index for one in found.odd]
    thumbs = [data_uri(crop.bgr, longest_px=CROP_PX) for crop in crops]
    return {
        "count": len(crops),
        "most": MAX_CROPS,
        "min_side_px": MIN_SIDE_PX,
        "total": sum(figures.objects for figures in result.figures.per_class.values()),
        "pca": _scatter(found, "pca", color, odd),
        "tsne": _scatter(found, "tsne", color, odd),
        "crops": Markup(
            _json_for_page([_crop_json(crop, names, thumb) for crop, thumb in zip(crops, thumbs, strict=True)])
        ),
        "odd": [
            {"uri": thumbs[one.index], "reason": one.reason, "file": crops[one.index].path.name} for one in found.odd
        ],
    }


def _scatter(found: CropMap, which: str, color: Sequence[str], odd: Sequence[int]) -> Markup:
    points = [(x, y) for x, y in getattr(found, which).tolist()]
    return charts.scatter_chart(points, color, odd, title=f"Map of the crops ({which})")


def _crop_json(crop: ObjectCrop, names: Sequence[str], thumb: str) -> dict[str, str]:
    return {"name": names[crop.class_id], "file": crop.path.name, "uri": thumb}


def _look_alikes(result: Evaluation, embedder: CropEmbedder, training: Dataset | None) -> list[dict[str, Any]]:
    if training is None:
        return []
    pixels, titles = unfound_objects(result.predictions, result.diagnosis, count=MAX_LOOK_ALIKES)
    crops = cut_crops(training.images, at_most=MAX_TRAINING_CROPS)
    if not pixels or not crops:
        return []
    features = embedder.embed([crop.bgr for crop in crops])
    return [_alike_json(one, training.names) for one in find_look_alikes(pixels, titles, crops, features, embedder)]


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
