"""The report of a model for scenes: its evaluation in one HTML file that needs nothing from anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.resampling import scaled
from streamvision.datasets.class_labels import UNKNOWN
from streamvision.datasets.dataset import MappedPictures
from streamvision.evaluation.crops import cut_regions
from streamvision.evaluation.features import CropEmbedder
from streamvision.evaluation.predictions import read_bgr
from streamvision.evaluation.report.parts import (
    MAX_CROPS,
    MAX_LOOK_ALIKES,
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
from streamvision.evaluation.report.words import about_scores, best_and_weakest
from streamvision.evaluation.semantic import RegionFigures, SemanticEvaluation, WorstScene

U8 = NDArray[np.uint8]
LARGE_SHARE = 0.01
"""A region that is looked at by itself has at least this share of its picture."""
GAP_PX = 4
WRONG_BGR = (133, 113, 251)
UNKNOWN_BGR, OTHER_BGR = (40, 40, 40), (184, 163, 148)
CLASS_BGR = (
    *((153, 211, 52), (250, 165, 96), (36, 191, 251), (133, 113, 251), (252, 132, 192)),
    *((238, 211, 34), (60, 146, 251), (53, 230, 163), (182, 114, 244)),
)
"""The page's colours of classes (``--s0`` to ``--s8`` of the dark style), blue, green and red."""


def build_semantic_report(
    result: SemanticEvaluation,
    path: Path,
    *,
    title: str,
    embedder: CropEmbedder,
    training: MappedPictures | None = None,
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
        SourceError: when a picture or map cannot be read any more.
    """
    classes = _classes(result)
    colors = {row["name"]: row["color"] for row in classes}
    large = [one for one in result.regions if one.share >= LARGE_SHARE]
    crops = cut_regions([(one.image, one.class_id) for one in large], at_most=MAX_CROPS)
    write_report(
        path,
        "semantic.html",
        title=title,
        result=result,
        sentences=_in_short(classes, result),
        classes=classes,
        confusion=confusion_of(_in_thousands(result), result.names, "another class", keep_other=False),
        reliability=reliability(result.calibration, "pixels"),
        gallery=[_scene(one, result, classes) for one in result.worst],
        map=map_of(crops, result.names, colors, embedder, total=len(large)),
        look_alikes=_look_alikes(large, result, embedder, training),
        has_training=training is not None,
        embedding=embedder.description,
    )


def _classes(result: SemanticEvaluation) -> list[dict[str, Any]]:
    """Return the measured classes, those with most pixels first; that order gives the colours."""
    iou, boundary_iou, boundary_f = result.iou(), result.boundary_iou(), result.boundary_f()
    marked, said = result.confusion.sum(axis=1), result.confusion.sum(axis=0)
    hits, total = np.diag(result.confusion), max(int(marked.sum()), 1)
    rows = [
        {
            "name": result.names[one],
            "class_id": one,
            **{
                name: None if np.isnan(values[one]) else float(values[one])
                for name, values in (("iou", iou), ("boundary_iou", boundary_iou), ("boundary_f", boundary_f))
            },
            "recall": float(hits[one] / marked[one]) if marked[one] else None,
            "precision": float(hits[one] / said[one]) if said[one] else None,
            "share": float(marked[one] / total),
            "images": sum(region.class_id == one for region in result.regions),
        }
        for one in result.measured
    ]
    rows = colored(sorted(rows, key=lambda row: -row["share"]))
    return [row | {"drawn": "#{2:02x}{1:02x}{0:02x}".format(*_color(at))} for at, row in enumerate(rows)]


def _color(at: int) -> tuple[int, int, int]:
    """Return the colour, blue, green and red, that maps are drawn with; it is the same in the dark and the light."""
    return CLASS_BGR[at] if at < len(CLASS_BGR) else OTHER_BGR


def _in_thousands(result: SemanticEvaluation) -> NDArray[np.int64]:
    """Return the confusions in thousandths of each class's own pixels."""
    marked = np.maximum(result.confusion.sum(axis=1, keepdims=True), 1)
    thousandths: NDArray[np.int64] = np.rint(1000 * result.confusion / marked).astype(np.int64)
    return thousandths


def _in_short(classes: Sequence[dict[str, Any]], result: SemanticEvaluation) -> list[str]:
    """Return the findings that matter most, one sentence each."""
    ranked = [(row["iou"], row["name"], row["images"]) for row in classes if row["iou"] is not None]
    sentences = [best_and_weakest(ranked, figure="an IoU", counted="pictures")]
    wrong = result.confusion[:, :-1].copy()
    np.fill_diagonal(wrong, 0)
    if wrong.any():
        marked, said = divmod(int(wrong.argmax()), wrong.shape[1])
        share = wrong[marked, said] / max(int(result.confusion.sum()), 1)
        names = result.names[marked], result.names[said]
        sentences.append(f"Most pixels are lost where {names[0]} is taken for {names[1]}: {share:.1%} of all.")
    sentences.append(about_scores(result.calibration))
    return [sentence for sentence in sentences if sentence]


def _scene(scene: WorstScene, result: SemanticEvaluation, classes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    sheet = draw_scene(read_bgr(scene.image.path), scene, {row["class_id"]: at for at, row in enumerate(classes)})
    known = scene.marked != UNKNOWN
    wrong = known & (scene.marked != scene.said)
    pairs = scene.marked[wrong].astype(np.int64) * 256 + scene.said[wrong]
    words = f"{scene.wrong_share:.1%} wrong"
    if pairs.size:
        marked, said = divmod(int(np.bincount(pairs).argmax()), 256)
        other = result.names[said] if said < len(result.names) else "another class"
        words += f", most of it {result.names[marked]} taken for {other}"
    return {
        "file": scene.image.path.name,
        "uri": data_uri(sheet, longest_px=2 * PICTURE_PX),
        "width_px": sheet.shape[1],
        "height_px": sheet.shape[0],
        "words": words,
    }


def draw_scene(bgr: U8, scene: WorstScene, order: dict[int, int]) -> U8:
    """Return the picture with its wrong pixels in red, what is marked and what was said, one below the other.

    Args:
        bgr: the picture.
        scene: what is marked and what was said.
        order: by class id, the number of its colour.
    """
    height, width = scene.marked.shape
    small = scaled(bgr, max(width / bgr.shape[1], height / bgr.shape[0]))[:height, :width]
    small = np.asarray(cv2.resize(small, (width, height)), np.uint8)
    wrong = (scene.marked != UNKNOWN) & (scene.marked != scene.said)
    tinted = small.copy()
    tinted[wrong] = (0.35 * small[wrong] + 0.65 * np.array(WRONG_BGR)).astype(np.uint8)
    table = np.full((256, 3), OTHER_BGR, np.uint8)
    for class_id, at in order.items():
        table[class_id] = _color(at)
    table[UNKNOWN] = UNKNOWN_BGR
    gap = np.zeros((GAP_PX, width, 3), np.uint8)
    return np.concatenate([tinted, gap, table[scene.marked], gap, table[scene.said]])


def _look_alikes(
    large: Sequence[RegionFigures],
    result: SemanticEvaluation,
    embedder: CropEmbedder,
    training: MappedPictures | None,
) -> list[dict[str, Any]]:
    """Return the regions of which most pixels are lost, beside those of the training pictures that look alike."""
    worst = sorted((one for one in large if one.recall < 0.5), key=lambda one: -one.share * (1 - one.recall))
    worst = worst[:MAX_LOOK_ALIKES]
    if training is None or not worst:
        return []
    pixels = [crop.bgr for one in worst for crop in cut_regions([(one.image, one.class_id)], at_most=1)]
    titles = [
        f"{result.names[one.class_id]}: {one.recall:.0%} of its pixels right ({one.image.path.name})" for one in worst
    ]
    classes = range(len(result.names))
    crops = cut_regions(
        [(one, class_id) for one in training.images for class_id in classes], at_most=MAX_TRAINING_CROPS
    )
    return look_alikes_of(pixels, titles, crops, training.names or result.names, embedder)
