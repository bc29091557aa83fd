import numpy as np
import pytest

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.inference.heads.registry import create_head
from streamvision.inference.tensors import TensorSpec
from support.model_cards import make_card


def spec(*shape):
    return [TensorSpec("output0", shape, "float32")]


def raw(*, boxes=84, batch=1):
    """Return an output in which nothing is found: (batch, 4 + 3, boxes)."""
    return np.zeros((batch, 7, boxes), np.float32)


def test_box_score_and_class():
    output = raw()
    output[0, :, 10] = [32, 20, 10, 8, 0.1, 0.8, 0.2]
    output[0, :, 83] = [5, 6, 2, 4, 0.6, 0.5, 0.55]
    (found,) = create_head(make_card("yolo_v8"), spec(1, 7, 84)).decode([output], score_threshold=0.25)
    np.testing.assert_allclose(found.box_xyxy_px, [[27, 16, 37, 24], [4, 4, 6, 8]])
    np.testing.assert_allclose(found.score, [0.8, 0.6])
    assert found.class_id.tolist() == [1, 0]
    assert (found.box_xyxy_px.dtype, found.score.dtype, found.class_id.dtype) == (np.float32, np.float32, np.int32)


def test_threshold_itself_is_reached():
    output = raw()
    output[0, 4, :2] = [0.5, 0.4999]
    (found,) = create_head(make_card("yolo_v8"), spec(1, 7, 84)).decode([output], score_threshold=0.5)
    assert len(found) == 1


def test_normalised_boxes_become_pixels():
    output = raw(boxes=42)
    output[0, :5, 0] = [0.5, 0.5, 0.25, 0.5, 0.9]
    card = make_card("yolo_v8", width_px=64, height_px=32, box_unit="normalized")
    (found,) = create_head(card, spec(1, 7, 42)).decode([output], score_threshold=0.25)
    np.testing.assert_allclose(found.box_xyxy_px, [[24, 8, 40, 24]])


def test_each_picture_of_a_batch_is_its_own():
    output = raw(batch=3)
    output[1, :5, 7] = [8, 8, 4, 4, 0.9]
    found = create_head(make_card("yolo_v8"), spec(None, 7, None)).decode([output], score_threshold=0.25)
    assert [len(f) for f in found] == [0, 1, 0]


def test_half_precision_output_is_read():
    output = raw().astype(np.float16)
    output[0, :5, 7] = [8, 8, 4, 4, 0.5]
    (found,) = create_head(make_card("yolo_v8"), spec(1, 7, 84)).decode([output], score_threshold=0.25)
    assert found.box_xyxy_px.dtype == np.float32 and len(found) == 1


def test_nan_and_overflow_are_dropped_and_the_rest_stays(recwarn):
    output = raw()
    output[0, :5, 0] = [8, 8, 4, 4, np.nan]
    output[0, :5, 1] = [np.nan, 8, 4, 4, 0.9]
    output[0, :5, 2] = [3e38, 8, 3e38, 4, 0.9]
    output[0, :5, 3] = [8, 8, 4, 4, np.inf]
    output[0, :5, 4] = [8, 8, 4, 4, 0.7]
    (found,) = create_head(make_card("yolo_v8"), spec(1, 7, 84)).decode([output], score_threshold=0.25)
    np.testing.assert_allclose(found.score, [0.7])
    assert not recwarn.list


def test_candidates_outlive_the_output():
    output = raw()
    output[0, :5, 4] = [8, 8, 4, 4, 0.7]
    (found,) = create_head(make_card("yolo_v8"), spec(1, 7, 84)).decode([output], score_threshold=0.25)
    output[...] = 0
    np.testing.assert_allclose(found.box_xyxy_px, [[6, 6, 10, 10]])


@pytest.mark.parametrize("shape", [(1, 84, 8400), (1, 84, 7), (1, 7, 86), (1, 7, 8, 8)])
def test_another_shape_is_refused_with_what_was_given_and_needed(shape):
    with pytest.raises(UnknownHeadError, match=r"output0 \(1, .*3 classes reads one output \(batch, 7, boxes\).*64x64"):
        create_head(make_card("yolo_v8"), spec(*shape))


@pytest.mark.parametrize("boxes", [84, 80, 64, 340, 85, 341])
def test_models_with_fewer_or_more_scales_are_read(boxes):
    """Some people cut the coarse scales off, or add fine ones."""
    head = create_head(make_card("yolo_v8"), spec(1, 7, boxes))
    assert len(head.decode([raw(boxes=boxes)], score_threshold=0.5)) == 1


def test_a_dynamic_axis_that_turns_out_wrong_is_an_error():
    head = create_head(make_card("yolo_v8"), spec(None, None, None))
    with pytest.raises(ModelError, match=r"returned \(1, 84, 84\)"):
        head.decode([np.zeros((1, 84, 84), np.float32)], score_threshold=0.25)


def test_every_class_that_reaches_the_threshold_may_be_asked_for():
    output = raw()
    output[0, :, 10] = [32, 20, 10, 8, 0.1, 0.8, 0.3]
    head = create_head(make_card("yolo_v8"), spec(1, 7, 84))
    (found,) = head.decode([output], score_threshold=0.25, every_class=True)
    np.testing.assert_allclose(found.box_xyxy_px, [[27, 16, 37, 24]] * 2)
    np.testing.assert_allclose(found.score, [0.8, 0.3])
    assert found.class_id.tolist() == [1, 2]
