"""What was found on overlapping tiles becomes each object once, as SAHI's own package makes it."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from streamvision.core.config.slices import MatchMetric, SlicesConfig
from streamvision.core.detections import Detections
from streamvision.core.masks import BoxMask
from streamvision.inference.slicing import merging
from streamvision.inference.slicing.merging import merged
from support.rotated_rectangles import near_pairs, overlaps_by_opencv

MERGES = ("greedy_nmm", "nmm", "nms")
METRICS: tuple[MatchMetric, ...] = get_args(MatchMetric)


def found(*rows: tuple[float, ...], **columns: Any) -> Detections:
    """Return objects from left, top, right, bottom, score and class."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int32), **columns)


def together(one: Detections, *, agnostic: bool = False, most: int = 300, **rule: Any) -> Detections:
    rule = {"merge": "greedy_nmm", "match_threshold": 0.5} | rule
    return merged(one, SlicesConfig(**rule), agnostic=agnostic, max_detections=most)


def boxes(one: Detections) -> list[list[float]]:
    return one.box_xyxy_px.tolist()


LEFT, RIGHT, ALONE = (0, 0, 60, 40, 0.8, 0), (20, 0, 100, 40, 0.6, 0), (300, 0, 340, 40, 0.9, 0)


def test_the_parts_of_an_object_on_two_tiles_become_one() -> None:
    joined = together(found(LEFT, RIGHT, ALONE))
    assert boxes(joined) == [[300, 0, 340, 40], [0, 0, 100, 40]]
    assert joined.score.tolist() == pytest.approx([0.9, 0.8])
    assert boxes(together(found(LEFT, RIGHT, ALONE), merge="nms")) == [[300, 0, 340, 40], [0, 0, 60, 40]]
    assert len(together(found(LEFT, RIGHT, ALONE), match_threshold=0.7)) == 3
    assert len(together(found(LEFT, RIGHT, ALONE), match_metric="iou")) == 3, "two fifths of both are shared"


def test_classes_are_kept_apart_unless_it_is_said_otherwise() -> None:
    two = found(LEFT, (*RIGHT[:5], 1))
    assert len(together(two)) == 2
    joined = together(two, agnostic=True)
    assert len(joined) == 1 and joined.class_id.tolist() == [0], "that of the better one"


def test_chains_hang_together_by_nmm_alone() -> None:
    chain = found((0, 0, 60, 40, 0.9, 0), (25, 0, 85, 40, 0.8, 0), (50, 0, 110, 40, 0.7, 0))
    assert boxes(together(chain)) == [[0, 0, 85, 40], [50, 0, 110, 40]]
    assert boxes(together(chain, merge="nmm")) == [[0, 0, 110, 40]]


def test_masks_are_joined() -> None:
    mask = np.empty(2, object)
    mask[:] = [BoxMask(0, 0, np.ones((40, 60), np.bool_)), BoxMask(20, 0, np.ones((40, 80), np.bool_))]
    joined = together(found(LEFT, RIGHT, mask=mask))
    assert joined.mask is not None and joined.mask[0].area_px == 100 * 40
    assert mask[0].area_px == 60 * 40, "what was found is left as it is"


def test_of_keypoints_the_best_are_kept() -> None:
    points = np.array([[[5, 5]], [[90, 5]]], np.float32)
    pose = found(LEFT, RIGHT, keypoint_xy_px=points, keypoint_score=np.ones((2, 1), np.float32))
    best = together(pose)
    assert boxes(best) == [[0, 0, 60, 40]] and best.keypoint_xy_px is not None
    assert best.keypoint_xy_px.tolist() == [[[5, 5]]]


def test_oriented_boxes_are_compared_as_they_lie() -> None:
    """Two bars side by side at 45 degrees: their upright boxes overlap, they do not."""
    bars = np.array([[50, 50, 80, 10, np.pi / 4], [65, 35, 80, 10, np.pi / 4], [52, 52, 78, 10, np.pi / 4]], np.float32)
    upright = [(15, 15, 85, 85, 0.9, 0), (30, 0, 100, 70, 0.8, 0), (17, 17, 87, 87, 0.7, 0)]
    left = together(found(*upright, obb_cxcywhr_px=bars))
    assert left.score.tolist() == pytest.approx([0.9, 0.8])
    assert len(together(found(*upright), merge="nms")) < 2
    assert len(together(found(*upright, obb_cxcywhr_px=bars), match_metric="iou")) == 2


@pytest.mark.parametrize("metric", METRICS)
def test_of_random_oriented_boxes_those_are_kept_that_opencv_keeps(
    metric: MatchMetric, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(4):
        random = np.random.default_rng(seed)
        pairs = np.concatenate(near_pairs(random, 200))
        reach = np.hypot(pairs[:, 2:3], pairs[:, 3:4]) / 2
        upright = np.concatenate([pairs[:, :2] - reach, pairs[:, :2] + reach], axis=1)
        table = np.column_stack([upright, random.uniform(0.1, 1, len(pairs)), random.integers(0, 2, len(pairs))])
        given = found(*table.tolist(), obb_cxcywhr_px=pairs)
        ours = together(given, match_metric=metric, most=len(pairs))
        with monkeypatch.context() as patched:
            patched.setattr(merging, "oriented_pair_overlaps", overlaps_by_opencv)
            theirs = together(given, match_metric=metric, most=len(pairs))
        assert len(pairs) / 4 < len(ours) < len(pairs)
        np.testing.assert_array_equal(ours.obb_cxcywhr_px, theirs.obb_cxcywhr_px)


def test_nothing_and_boxes_without_area_are_harmless() -> None:
    assert len(together(Detections.empty())) == 0
    assert len(together(found((5, 5, 5, 9, 0.9, 0), (0, 0, 10, 10, 0.8, 0)))) == 2


def test_the_best_by_score_are_kept() -> None:
    many = found(*[(20 * at, 0, 20 * at + 10, 10, 0.1 + 0.01 * at, 0) for at in range(50)])
    assert together(many, most=3).score.tolist() == pytest.approx([0.59, 0.58, 0.57])


@pytest.mark.reference
@pytest.mark.parametrize("merge", MERGES)
@pytest.mark.parametrize("metric", METRICS)
def test_it_equals_sahi(merge: str, metric: MatchMetric) -> None:
    """Random boxes: crowded and sparse, whole pixels and fractions, and many of one score."""
    for seed in range(8):
        random = np.random.default_rng(seed)
        count, span_px = int(random.integers(1, 200)), float(random.choice([100, 600, 3840]))
        low, side = random.uniform(0, span_px, (count, 2)), random.uniform(2, 120, (count, 2))
        box = np.concatenate([low, low + side], axis=1).astype(np.float32)
        box = box.round() if seed % 2 else box
        score = random.uniform(0.01, 1, count).round(1 if seed % 3 == 0 else 6).astype(np.float32)
        given = Detections(box, score, random.integers(0, 3, count).astype(np.int32))
        for threshold in (0.3, 0.5, 0.6):
            for agnostic in (False, True):
                ours = together(
                    given,
                    merge=merge,
                    match_metric=metric,
                    match_threshold=threshold,
                    agnostic=agnostic,
                    most=count,
                )
                theirs = by_sahi(given, merge=merge, metric=metric, threshold=threshold, agnostic=agnostic)
                assert len(ours) == len(theirs)
                np.testing.assert_allclose(in_order(ours), in_order(theirs), atol=1e-3)


def in_order(one: Detections) -> np.ndarray:
    rows = np.concatenate([one.box_xyxy_px, one.score[:, None], one.class_id[:, None]], axis=1)
    return rows[np.lexsort(rows.round(2).T)]


def by_sahi(given: Detections, *, merge: str, metric: str, threshold: float, agnostic: bool) -> Detections:
    combine = pytest.importorskip("sahi.postprocess.combine")
    prediction = pytest.importorskip("sahi.prediction")
    kinds = {
        "greedy_nmm": combine.GreedyNMMPostprocess,
        "nmm": combine.NMMPostprocess,
        "nms": combine.NMSPostprocess,
    }
    process = kinds[merge](match_threshold=threshold, match_metric=metric.upper(), class_agnostic=agnostic)
    left = process(
        [
            prediction.ObjectPrediction(bbox=box, score=score, category_id=class_id, category_name=str(class_id))
            for box, score, class_id in zip(
                given.box_xyxy_px.tolist(), given.score.tolist(), given.class_id.tolist(), strict=True
            )
        ]
    )
    return found(*[(*map(float, one.bbox.to_xyxy()), one.score.value, one.category.id) for one in left])
