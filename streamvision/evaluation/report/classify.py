"""The report of a classifier: its evaluation in one HTML file that needs nothing from anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from streamvision.datasets.dataset import NamedPictures
from streamvision.evaluation.classify import TOP, ClassifyEvaluation
from streamvision.evaluation.crops import small_picture, small_pictures
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
from streamvision.evaluation.report.pictures import data_uri
from streamvision.evaluation.report.words import about_scores, best_and_weakest, most_mixed, times


def build_classify_report(
    result: ClassifyEvaluation,
    path: Path,
    *,
    title: str,
    embedder: CropEmbedder,
    training: NamedPictures | None = None,
) -> None:
    """Write the report.

    Args:
        result: the evaluation.
        path: the HTML file.
        title: what was measured, in a few words.
        embedder: turns pictures into vectors.
        training: the pictures that the model was trained with, to find look-alikes among; ``None`` where unknown.

    Raises:
        OutputError: when the file cannot be written.
        MissingDependencyError: when scikit-learn is not installed.
        SourceError: when a picture cannot be read any more.
    """
    classes = _classes(result)
    colors = {row["name"]: row["color"] for row in classes}
    crops = small_pictures([(one.path, one.class_id) for one in result.images], at_most=MAX_CROPS)
    write_report(
        path,
        "classify.html",
        title=title,
        result=result,
        top=TOP,
        sentences=_in_short(result, classes),
        classes=classes,
        confusion=confusion_of(result.confusion, result.names, "another class", keep_other=False),
        reliability=reliability(result.calibration, "pictures"),
        gallery=[_picture(result, index) for index in worst_answers(result)[:MAX_PICTURES]],
        wrong=int((~result.hit).sum()),
        map=map_of(crops, result.names, colors, embedder, total=len(result.images)),
        look_alikes=_look_alikes(result, embedder, training),
        has_training=training is not None,
        embedding=embedder.description,
    )


def worst_answers(result: ClassifyEvaluation) -> list[int]:
    """Return the pictures that are named wrongly, those first where the wrong class was given most certainly."""
    wrong = np.flatnonzero(~result.hit)
    certainty = result.said_score[wrong] - result.right_score[wrong]
    return [int(wrong[at]) for at in np.argsort(-certainty, kind="stable")]


def _classes(result: ClassifyEvaluation) -> list[dict[str, Any]]:
    """Return the classes that have pictures, those with most pictures first; that order gives the colours."""
    marked, said, hits = result.confusion.sum(axis=1), result.confusion.sum(axis=0), np.diag(result.confusion)
    rows = [
        {
            "name": name,
            "top1": result.top(1, class_id),
            "top5": result.top(TOP, class_id),
            "precision": float(hits[class_id] / said[class_id]) if said[class_id] else None,
            "images": int(marked[class_id]),
        }
        for class_id, name in enumerate(result.names)
        if marked[class_id]
    ]
    return colored(sorted(rows, key=lambda row: -row["images"]))


def _in_short(result: ClassifyEvaluation, classes: Sequence[dict[str, Any]]) -> list[str]:
    """Return the findings that matter most, one sentence each."""
    ranked = [(row["top1"], row["name"], row["images"]) for row in classes]
    sentences = [best_and_weakest(ranked, figure="a top-1 accuracy", counted="pictures")]
    if found := most_mixed(result.confusion, len(result.names)):
        count, marked, said = found
        sentences.append(
            f"Most often mixed up: {result.names[marked]} was taken for {result.names[said]} {times(count)}."
        )
    elif result.hit.all():
        sentences.append("Every picture is named rightly.")
    if (near := int(((result.place > 0) & (result.place < TOP)).sum())) and len(result.model_names) > TOP:
        sentences.append(
            f"Of the {int((~result.hit).sum())} wrong ones, {near} have the right class among the first {TOP}."
        )
    sentences.append(about_scores(result.calibration))
    return [sentence for sentence in sentences if sentence]


def _picture(result: ClassifyEvaluation, index: int) -> dict[str, Any]:
    bgr = read_bgr(result.images[index].path)
    return {
        "file": result.images[index].path.name,
        "uri": data_uri(bgr, longest_px=PICTURE_PX),
        "width_px": bgr.shape[1],
        "height_px": bgr.shape[0],
        "words": _words(result, index),
    }


def _words(result: ClassifyEvaluation, index: int) -> str:
    said, right = result.model_names[int(result.said[index])], result.names[int(result.truth[index])]
    return f"{right} taken for {said}: {result.said_score[index]:.2f} against {result.right_score[index]:.2f}"


def _look_alikes(
    result: ClassifyEvaluation, embedder: CropEmbedder, training: NamedPictures | None
) -> list[dict[str, Any]]:
    worst = worst_answers(result)[:MAX_LOOK_ALIKES]
    if training is None or not worst:
        return []
    pixels = [small_picture(read_bgr(result.images[index].path)) for index in worst]
    titles = [f"{_words(result, index)} ({result.images[index].path.name})" for index in worst]
    pictures = [(one.path, one.class_id) for one in training.images]
    return look_alikes_of(
        pixels, titles, small_pictures(pictures, at_most=MAX_TRAINING_CROPS), training.names, embedder
    )
