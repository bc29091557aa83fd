import numpy as np
import pytest

from streamvision.core.errors import UnknownHeadError
from streamvision.inference.heads.registry import create_head
from streamvision.inference.tensors import TensorSpec
from support.model_cards import make_card

BOXES = TensorSpec("output", (1, 252, 8), "float32")


def decode(output, *, outputs=(BOXES,), threshold=0.25, **of_card):
    arrays = [output if s is BOXES else np.zeros(s.shape, np.float32) for s in outputs]
    (found,) = create_head(make_card("yolo_v5", **of_card), outputs).decode(arrays, score_threshold=threshold)
    return found


def test_score_is_objectness_times_class_score():
    output = np.zeros(BOXES.shape, np.float32)
    output[0, 3] = [32, 20, 10, 8, 0.5, 0.2, 0.9, 0.1]
    output[0, 4] = [32, 20, 10, 8, 0.9, 0.2, 0.2, 0.2]
    output[0, 5] = [32, 20, 10, 8, 0.2, 1.0, 1.0, 1.0]
    found = decode(output)
    np.testing.assert_allclose(found.box_xyxy_px, [[27, 16, 37, 24]])
    np.testing.assert_allclose(found.score, [0.45])
    assert found.class_id.tolist() == [1]


def test_normalised_boxes_become_pixels():
    output = np.zeros(BOXES.shape, np.float32)
    output[0, 0] = [0.5, 0.5, 0.25, 0.5, 1, 1, 0, 0]
    np.testing.assert_allclose(decode(output, box_unit="normalized").box_xyxy_px, [[24, 16, 40, 48]])


def test_raw_maps_beside_the_boxes_are_ignored():
    output = np.zeros(BOXES.shape, np.float32)
    output[0, 0] = [8, 8, 4, 4, 1, 1, 0, 0]
    maps = [TensorSpec(f"map{n}", (1, 3, n, n, 8), "float32") for n in (8, 4, 2)]
    assert len(decode(output, outputs=(*maps, BOXES))) == 1


def test_nan_scores_are_dropped(recwarn):
    output = np.zeros(BOXES.shape, np.float32)
    output[0, 0] = [8, 8, 4, 4, np.nan, 1, 0, 0]
    output[0, 1] = [8, 8, 4, 4, 1, np.nan, 0, 0]
    output[0, 2] = [8, 8, 4, 4, 1, 0.5, 0, 0]
    np.testing.assert_allclose(decode(output).score, [0.5])
    assert not recwarn.list


def test_one_box_a_cell_is_refused():
    """That would be YOLOX, whose boxes are not decoded yet."""
    with pytest.raises(UnknownHeadError, match="three boxes for each grid cell of its 64x64 input"):
        create_head(make_card("yolo_v5"), [TensorSpec("output", (1, 84, 8), "float32")])


def test_another_number_of_classes_is_refused():
    with pytest.raises(UnknownHeadError, match=r"80 classes reads one output \(batch, boxes, 85\)"):
        create_head(make_card("yolo_v5", classes=80), [BOXES])


def test_every_class_that_reaches_the_threshold_may_be_asked_for():
    output = np.zeros(BOXES.shape, np.float32)
    output[0, 3] = [32, 20, 10, 8, 0.5, 0.2, 0.9, 0.6]
    output[0, 9] = [32, 20, 10, 8, 0.2, 1.0, 1.0, 1.0]
    head = create_head(make_card("yolo_v5"), (BOXES,))
    (found,) = head.decode([output], score_threshold=0.25, every_class=True)
    np.testing.assert_allclose(found.score, [0.45, 0.3])
    assert found.class_id.tolist() == [1, 2]
