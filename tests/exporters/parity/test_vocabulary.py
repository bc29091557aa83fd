"""Every kind of result is compared: masks, keypoints, oriented boxes, classes, maps, depths, embeddings, pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from exporters.parity.image_results import FinalPictures, RawOutputs
from exporters.parity.model_run import Trace
from exporters.parity.object_sets import mask_overlap, object_overlaps, pair_up
from exporters.parity.objects import FinalObjects
from exporters.parity.tolerances import TOLERANCES
from streamvision.core.cuboid import BoxedCuboid
from streamvision.core.detections import Detections
from streamvision.core.image_result import ImageResult
from streamvision.core.masks import BoxMask
from streamvision.core.picture import BgrPicture
from streamvision.inference.model import Prediction

FP32, INT8 = TOLERANCES["fp32"], TOLERANCES["int8"]
NAMES = ("cat", "dog")


def objects(count: int = 6) -> Detections:
    rng = np.random.default_rng(3)
    corner = rng.uniform(0, 300, (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(40, 120, (count, 2))], axis=1).astype(np.float32)
    masks = np.empty(count, object)
    for row, (left, top, right, bottom) in enumerate(boxes.astype(int).tolist()):
        bits = np.zeros((bottom - top, right - left), bool)
        bits[5:-5, 5:-5] = True
        masks[row] = BoxMask(left, top, bits)
    size = boxes[:, 2:] - boxes[:, :2]
    return Detections(
        boxes,
        np.linspace(0.9, 0.4, count, dtype=np.float32),
        np.arange(count, dtype=np.int32) % 2,
        mask=masks,
        keypoint_xy_px=(boxes[:, None, :2] + size[:, None] * rng.uniform(0.2, 0.8, (count, 5, 2))).astype(np.float32),
        keypoint_score=np.full((count, 5), 0.9, np.float32),
    )


def oriented(angle_rad: float = 0.4) -> Detections:
    rows = np.array([[100, 100, 80, 20, angle_rad], [300, 200, 60, 30, -angle_rad]], np.float32)
    boxes = np.array([[50, 60, 150, 140], [260, 170, 340, 230]], np.float32)
    return Detections(boxes, np.array([0.9, 0.8], np.float32), np.zeros(2, np.int32), obb_cxcywhr_px=rows)


def trace(found: Detections | None = None, whole: ImageResult | None = None) -> Trace:
    return Trace(np.zeros((3, 8, 8)), [np.zeros((1, 4))], None, Prediction(found or Detections.empty(), whole))


def of_objects(source: Detections, export: Detections, tolerance=FP32):
    final = FinalObjects(NAMES, tolerance, score=0.25)
    final.add("one", trace(source), trace(export), px=1.0)
    return final.finish()


def of_pictures(source: ImageResult, export: ImageResult, tolerance=FP32):
    final = FinalPictures(NAMES, tolerance)
    final.add("one", trace(whole=source), trace(whole=export))
    return final.finish()


def test_equal_objects_in_another_order_are_equal():
    found = objects()
    assert of_objects(found, found[np.array([3, 1, 5, 0, 4, 2])]).passed


def test_masks_that_have_moved_differ():
    found = objects()
    moved = np.array([BoxMask(one.left_px + 8, one.top_px, one.bits) for one in found.mask] + [None], object)[:-1]
    stage = of_objects(found, replace(found, mask=moved))
    assert "mask iou" in stage.sentence()


def test_keypoints_that_have_moved_differ():
    found = objects()
    stage = of_objects(found, replace(found, keypoint_xy_px=found.keypoint_xy_px + np.float32(4)))
    assert "keypoint distance" in stage.sentence()


def test_keypoints_that_the_source_itself_is_unsure_of_do_not_count():
    found = replace(objects(), keypoint_score=np.full((6, 5), 0.1, np.float32))
    assert of_objects(found, replace(found, keypoint_xy_px=found.keypoint_xy_px + np.float32(40))).passed


@pytest.mark.parametrize(("field", "words"), [("mask", "masks"), ("keypoint_xy_px", "keypoints")])
def test_objects_that_have_lost_a_part_differ(field, words):
    found = objects()
    assert f"lost their {words}" in of_objects(found, replace(found, **{field: None})).sentence()


def test_oriented_boxes_are_compared_with_their_angle():
    assert of_objects(oriented(), oriented()).passed
    assert not of_objects(oriented(), oriented(-0.4)).passed, "the upright boxes are the same, the objects are not"
    overlaps = object_overlaps(oriented(), oriented())
    np.testing.assert_allclose(np.diag(overlaps), 1.0, atol=1e-4)


def test_an_object_more_or_less_differs_and_is_marked():
    found = objects()
    final = FinalObjects(NAMES, FP32, score=0.25)
    final.add("one", trace(found), trace(found[:5]), px=1.0)
    assert not final.finish().passed
    assert len(final.image_comparisons[0].source_alone) == 1
    assert not final.image_comparisons[0].export_alone


def test_an_object_at_the_threshold_is_no_difference():
    """0.251 on one side and 0.249 on the other is rounding, not an object that is missing."""
    ours, theirs = objects(), objects()
    ours.score[-1], theirs.score[-1] = 0.251, 0.249
    assert of_objects(ours, theirs).passed


def test_int8_is_judged_by_the_greater_part_of_the_objects_and_fp16_by_each():
    found = objects(60)
    found.score[:] = np.linspace(0.9, 0.7, 60)
    one, many = replace(found, score=found.score.copy()), replace(found, score=found.score.copy())
    one.score[7] -= 0.35
    many.score[:9] -= 0.28
    assert of_objects(found, one, INT8).passed
    assert "greatest score difference" in of_objects(found, one, TOLERANCES["fp16"]).sentence()
    assert (
        of_objects(found, many, INT8)
        .sentence()
        .startswith("the score difference of all but the worst objects (5 %, and what chance adds) is 0.28")
    )


def test_int8_may_displace_one_box_and_not_many():
    found = objects(60)
    one, many = (replace(found, box_xyxy_px=found.box_xyxy_px.copy()) for _ in range(2))
    width = found.box_xyxy_px[:, 2] - found.box_xyxy_px[:, 0]
    one.box_xyxy_px[:1, 0] += 0.45 * width[:1]
    many.box_xyxy_px[:9, 0] += 0.45 * width[:9]
    assert of_objects(found, one, INT8).passed
    assert "the iou of all but the worst" in of_objects(found, many, INT8).sentence()


@pytest.mark.parametrize(("source", "export", "words"), [(60, 53, "lost share"), (53, 60, "gained share")])
def test_lost_and_gained_objects_are_judged_apart(source, export, words):
    found = objects(60)
    stage = of_objects(found[:source], found[:export], INT8)
    assert stage.sentence().startswith(f"{words} is 0.11"), "7 of 60, though 15 % of both together would be allowed"


def test_renamed_objects_are_called_so():
    found = objects()
    stage = of_objects(found, replace(found, class_id=1 - found.class_id))
    assert "classes differ" in stage.sentence()
    assert "'cat' as 'dog'" in stage.sentence()


def test_mask_overlap_of_masks_that_begin_elsewhere():
    bits = np.ones((10, 10), bool)
    assert mask_overlap(BoxMask(0, 0, bits), BoxMask(5, 0, bits)) == pytest.approx(50 / 150)
    assert mask_overlap(BoxMask(0, 0, bits), BoxMask(50, 0, bits)) == 0
    padded = np.zeros((20, 20), bool)
    padded[5:15, 5:15] = True
    assert mask_overlap(BoxMask(5, 5, bits), BoxMask(0, 0, padded)) == 1


def test_strong_objects_are_paired_with_strong_ones_first():
    overlaps = np.array([[0.7, 0.9]])
    scores = np.array([0.8], np.float32), np.array([0.8, 0.1], np.float32)
    pairs = pair_up(overlaps, scores, threshold=0.25)
    assert pairs.export.tolist() == [0]


SCORES = np.array([0.7, 0.3], np.float32)
MAP = np.repeat(np.array([[0, 1]], np.uint8), 50, axis=0)
DEPTH = np.linspace(1, 20, 100, dtype=np.float32).reshape(10, 10)
UNIT = np.array([0.6, 0.8], np.float32)
DRAWN = BgrPicture(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))


@pytest.mark.parametrize(
    ("source", "slightly", "clearly", "words"),
    [
        ({"class_score": SCORES}, {"class_score": SCORES + 0.002}, {"class_score": SCORES[::-1]}, "most likely class"),
        ({"class_map": MAP}, {"class_map": MAP.copy()}, {"class_map": 1 - MAP}, "different pixels"),
        ({"depth_map": DEPTH}, {"depth_map": DEPTH + 0.001}, {"depth_map": DEPTH * 1.2}, "depth relative error"),
        ({"embedding": UNIT}, {"embedding": UNIT}, {"embedding": UNIT[::-1]}, "cosine"),
        (
            {"picture": DRAWN},
            {"picture": DRAWN},
            {"picture": BgrPicture(DRAWN.bgr[:, ::-1].copy())},
            "picture relative error",
        ),
        ({"values": {"age": 30.0}}, {"values": {"age": 30.01}}, {"values": {"age": 45.0}}, "values relative error"),
    ],
)
def test_findings_about_whole_pictures(source, slightly, clearly, words):
    assert of_pictures(ImageResult(**source), ImageResult(**slightly)).passed
    stage = of_pictures(ImageResult(**source), ImageResult(**clearly))
    assert not stage.passed
    assert words in stage.sentence()
    assert not of_pictures(ImageResult(**source), ImageResult(), INT8).passed, "what is missing is a difference"


def test_raw_outputs_of_picture_models_that_are_constant_are_called_so():
    raw = RawOutputs(INT8)
    rng = np.random.default_rng(0)
    for name in "ab":
        ours = replace(trace(), outputs=[rng.random((1, 10))])
        raw.add(name, ours, replace(trace(), outputs=[np.full((1, 10), 0.5)]))
    assert "constant" in raw.finish().sentence()


def sentence(text: str, *scores: float) -> ImageResult:
    return ImageResult(text=text, text_score=0.5, word_score=np.array(scores, np.float32))


@pytest.mark.parametrize(
    ("export", "words"),
    [
        (sentence("a van", 0.9, 0.8), None),
        (sentence("a car", 0.9, 0.8), "different sentences share"),
        (sentence("a van", 0.9, 0.7), "word score difference"),
        (ImageResult(text="a van", text_score=0.5), "gives no sentence"),
    ],
)
def test_sentences_are_equal_to_the_word_and_their_probabilities_nearly(export, words):
    stage = of_pictures(sentence("a van", 0.9, 0.8), export)
    assert stage.passed == (words is None)
    assert words is None or words in stage.sentence()


@pytest.mark.parametrize(
    "change",
    [{}, {"alpha_rad": -3.1}, {"depth_factor": 1.3}, {"size_lwh_m": (4.6, 1.8, 2.0)}, {"offset": (0.2, 0.0)}, None],
)
def test_a_cuboid_that_differs_in_anything_is_another(change: dict[str, object] | None) -> None:
    ours = BoxedCuboid((4.6, 1.8, 1.5), 3.14, 1.1, (0.01, 0.1), 0.05)
    theirs = None if change is None else replace(ours, **{"alpha_rad": -3.1431, **change})  # half a turn either way
    final = FinalPictures(NAMES, FP32)
    final.add("one", trace(whole=ImageResult(cuboid=ours)), trace(whole=ImageResult(cuboid=theirs)))
    assert final.finish().passed == (change == {})
