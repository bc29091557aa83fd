"""How far two models agree, from what they say of the same pictures."""

from __future__ import annotations

import numpy as np
import pytest

from streamvision.core.detections import Detections
from streamvision.core.image_result import ImageResult
from streamvision.inference.model import Prediction
from streamvision.service.models.comparison import Comparison, matched_pairs
from support.moving_boxes import Box, found

NAMES = ("cat", "dog")
LEFT: Box = (0, 0, 10, 10)
RIGHT: Box = (50, 0, 60, 10)


def says(objects: Detections | None = None, whole: ImageResult | None = None) -> Prediction:
    return Prediction(objects if objects is not None else Detections.empty(), whole)


def add(comparison: Comparison, current: Prediction, new: Prediction) -> float | None:
    return comparison.add(current, new, names=NAMES, current_s=0.01, new_s=0.02).agreement


def test_objects_of_one_class_that_overlap_are_the_same_each_once() -> None:
    shifted: Box = (1, 0, 11, 10)
    rows, columns, iou = matched_pairs(found(shifted, LEFT, RIGHT), found(LEFT, RIGHT, class_id=[0, 1]), min_iou=0.5)
    assert (rows.tolist(), columns.tolist()) == ([1], [0])
    assert iou.tolist() == pytest.approx([1.0])


def test_agreement_counts_what_both_find_and_nothing_is_no_agreement() -> None:
    comparison = Comparison("detect", min_iou=0.5)
    assert add(comparison, says(), says()) is None and comparison.agreement is None
    assert add(comparison, says(found(LEFT, RIGHT)), says(found(LEFT))) == pytest.approx(2 / 3)
    assert add(comparison, says(), says(found(RIGHT, class_id=1))) == 0.0
    figures = comparison.figures()
    assert (figures.pictures, figures.agreement, figures.mean_iou, comparison.objects) == (3, 0.5, 1.0, 2)
    assert [(one.name, one.current, one.new, one.matched) for one in figures.classes] == [
        ("cat", 2, 1, 1), ("dog", 0, 1, 0),
    ]  # fmt: skip
    assert figures.current_ms is not None and figures.new_ms is not None
    assert (figures.current_ms.p50_ms, figures.new_ms.p50_ms) == (10.0, 20.0)


def test_whole_pictures_agree_by_their_best_class_their_cells_or_their_direction() -> None:
    one, other = np.array([0.9, 0.1], np.float32), np.array([0.6, 0.4], np.float32)
    classify = Comparison("classify", min_iou=0.5)
    assert add(classify, says(whole=ImageResult(class_score=one)), says(whole=ImageResult(class_score=other))) == 1.0
    assert add(classify, says(whole=ImageResult(class_score=one)), says(whole=ImageResult(class_score=1 - one))) == 0.0
    assert (classify.agreement, classify.objects) == (0.5, 2)
    cells = np.array([[0, 1], [1, 1]], np.uint8)
    fine = cells.repeat(2, axis=0).repeat(2, axis=1)
    fine[0, 0] = 1
    semantic = Comparison("semantic", min_iou=0.5)
    maps = says(whole=ImageResult(class_map=cells)), says(whole=ImageResult(class_map=fine))
    assert add(semantic, *maps) == 0.75
    embed = Comparison("embed", min_iou=0.5)
    axes = [says(whole=ImageResult(embedding=np.eye(2, dtype=np.float32)[axis])) for axis in (0, 1)]
    assert add(embed, axes[0], axes[0]) == 1.0 and add(embed, axes[0], axes[1]) == 0.0
    depth = Comparison("depth", min_iou=0.5)
    assert (
        add(depth, says(whole=ImageResult(depth_map=one[None])), says(whole=ImageResult(depth_map=one[None]))) is None
    )
