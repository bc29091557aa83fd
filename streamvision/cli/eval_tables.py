"""The tables that ``streamvision eval`` prints, a row a class or figure."""

from __future__ import annotations

import numpy as np

from streamvision.cli.eval_options import cells
from streamvision.evaluation.answers import AnswersEvaluation
from streamvision.evaluation.classify import TOP, ClassifyEvaluation
from streamvision.evaluation.coco_metrics import ClassFigures, CocoFigures
from streamvision.evaluation.evaluate import Evaluation, ShapeEvaluation
from streamvision.evaluation.semantic import SemanticEvaluation

Rows = list[tuple[str, ...]]


def box_rows(result: Evaluation) -> Rows:
    """Return the table of a detector's figures."""
    figures = result.figures
    objects = sum(one.objects for one in figures.per_class.values())
    return [
        ("class", "mAP50-95", "mAP50", "mAP75", "objects", "pictures"),
        ("all", *cells(figures.map50_95, figures.map50, figures.map75), f"{objects}", f"{result.images}"),
        *(
            (name, *cells(one.map50_95, one.map50, one.map75), f"{one.objects}", f"{one.images}")
            for name, one in figures.per_class.items()
            if one.objects
        ),
    ]


def shape_rows(result: ShapeEvaluation) -> Rows:
    """Return the table of a model's figures whose objects have masks, keypoints or angles."""
    figures = result.figures
    others = [(word, of) for word, of in (("boundary", result.boundary_figures), ("box", result.box_figures)) if of]
    objects = sum(one.objects for one in figures.per_class.values())

    def row(name: str, one: CocoFigures | ClassFigures, beside: list[float | None], count: int) -> tuple[str, ...]:
        return (name, *cells(one.map50_95, one.map50, one.map75, *beside), f"{count}")

    return [
        ("class", f"{result.by} mAP50-95", "mAP50", "mAP75", *(f"{word} mAP50-95" for word, _ in others), "objects"),
        row("all", figures, [of.map50_95 for _, of in others], objects),
        *(
            row(name, one, [of.per_class[name].map50_95 for _, of in others], one.objects)
            for name, one in figures.per_class.items()
            if one.objects
        ),
    ]


def pixel_rows(result: SemanticEvaluation) -> Rows:
    """Return the table of a model's figures that names pixels."""
    figures, marked = (result.iou(), result.boundary_iou(), result.boundary_f()), result.confusion.sum(axis=1)
    return [
        ("class", "IoU", "boundary IoU", "boundary F", "of all pixels"),
        ("all", *cells(result.mean_iou, result.mean_boundary_iou, result.mean_boundary_f), "100 %"),
        *(
            (
                result.names[class_id],
                *cells(*(one[class_id] for one in figures)),
                f"{marked[class_id] / marked.sum():.1%}",
            )
            for class_id in result.measured
            if not np.isnan(figures[0][class_id])
        ),
    ]


def answer_rows(result: AnswersEvaluation) -> Rows:
    """Return the table of the figures of several answers; what is naive is an accuracy, or a mean absolute error."""
    rows: Rows = [("answer", "accuracy", "F1", "MAE", "RMSE", "R2", "naive", "skill", "pictures")]
    if (one := result.of_class) is not None:
        figures = cells(one.accuracy, one.f1, None, None, None, one.naive_accuracy, one.skill)
        rows.append((one.name, *figures, f"{one.pictures}"))
    for number in result.numbers:
        figures = cells(None, None, number.mae, number.rmse, number.r2, number.naive_mae, number.skill)
        rows.append((number.title, *figures, f"{len(number.truth)}"))
    return rows


def class_rows(result: ClassifyEvaluation) -> Rows:
    """Return the table of a classifier's figures."""
    counts = [int((result.truth == class_id).sum()) for class_id in range(len(result.names))]
    return [
        ("class", "top-1", f"top-{TOP}", "precision", "F1", "pictures"),
        ("all", *cells(result.top(1), result.top(TOP), None, result.f1), f"{len(result.place)}"),
        *(
            (
                name,
                *cells(result.top(1, class_id), result.top(TOP, class_id), *result.by_class[name][::2]),
                f"{counts[class_id]}",
            )
            for class_id, name in enumerate(result.names)
            if counts[class_id]
        ),
    ]
