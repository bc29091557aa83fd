"""The report of a detector: its evaluation in one HTML file that needs nothing from anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from streamvision.core import page_charts
from streamvision.datasets.dataset import Dataset
from streamvision.evaluation.coco_metrics import RECALL_LEVELS
from streamvision.evaluation.crops import cut_crops, unfound_objects
from streamvision.evaluation.evaluate import Evaluation
from streamvision.evaluation.features import CropEmbedder
from streamvision.evaluation.predictions import read_bgr
from streamvision.evaluation.report.parts import (
    MAX_CROPS,
    MAX_LOOK_ALIKES,
    MAX_PICTURES,
    MAX_TRAINING_CROPS,
    PICTURE_PX,
    colored,
    confusion_of,
    look_alikes_of,
    map_of,
    reliability,
    write_report,
)
from streamvision.evaluation.report.pictures import data_uri, overlay, worst_pictures
from streamvision.evaluation.report.words import KIND_WORDS, in_short

_CROWDED = 9
"""On a small picture with more boxes than this, words would hide what they are about."""


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
    write_report(path, "detect.html", title=title, **_context(result, embedder, training))


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
        "confusion": confusion_of(result.diagnosis.confusion, result.predictions.names, "nothing", keep_other=True),
        "reliability": reliability(result.diagnosis.calibration, "detections"),
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
    return colored(rows)


def _curves(result: Evaluation, classes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    curves = [row["figures"].precision50 for row in classes]
    series = [
        page_charts.Series(
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
        series.insert(0, page_charts.Series("all classes", "mean", points, f"mAP50 {result.figures.map50:.3f}"))
    drawn = sorted(enumerate(series), key=lambda one: (one[1].color != "other", one[1].color == "mean"))
    return {
        "series": series,
        "chart": page_charts.line_chart(
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


def _map(result: Evaluation, embedder: CropEmbedder, colors: dict[str, str]) -> dict[str, Any] | None:
    crops = cut_crops(result.predictions.images, at_most=MAX_CROPS)
    total = sum(figures.objects for figures in result.figures.per_class.values())
    return map_of(crops, result.predictions.names, colors, embedder, total=total)


def _look_alikes(result: Evaluation, embedder: CropEmbedder, training: Dataset | None) -> list[dict[str, Any]]:
    if training is None:
        return []
    pixels, titles = unfound_objects(result.predictions, result.diagnosis, count=MAX_LOOK_ALIKES)
    crops = cut_crops(training.images, at_most=MAX_TRAINING_CROPS) if pixels else []
    return look_alikes_of(pixels, titles, crops, training.names, embedder)
