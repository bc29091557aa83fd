import numpy as np
import pytest

from streamvision.core.errors import UnknownHeadError
from streamvision.inference.heads.registry import create_head
from streamvision.inference.tensors import TensorSpec
from support.model_cards import make_card

OUTPUT = TensorSpec("output0", (1, 300, 6), "float32")


def decode(output, **of_card):
    card = make_card("yolo_end2end", **of_card)
    (found,) = create_head(card, [OUTPUT]).decode([output], score_threshold=0.25)
    return found


def test_rows_are_taken_as_they_are():
    output = np.zeros(OUTPUT.shape, np.float32)
    output[0, :2] = [[1, 2, 30, 40, 0.9, 2], [5, 6, 7, 8, 0.2, 1]]
    found = decode(output)
    np.testing.assert_allclose(found.box_xyxy_px, [[1, 2, 30, 40]])
    np.testing.assert_allclose(found.score, [0.9])
    assert found.class_id.tolist() == [2] and found.class_id.dtype == np.int32


def test_normalised_boxes_become_pixels():
    output = np.zeros(OUTPUT.shape, np.float32)
    output[0, 0] = [0.25, 0.5, 0.5, 1, 0.9, 0]
    found = decode(output, box_unit="normalized", width_px=64, height_px=32)
    np.testing.assert_allclose(found.box_xyxy_px, [[16, 16, 32, 32]])


@pytest.mark.parametrize("class_id", [-1, 3, 1e9, np.nan, np.inf])
def test_a_class_without_a_name_is_dropped(class_id, recwarn):
    output = np.zeros(OUTPUT.shape, np.float32)
    output[0, 0] = [1, 2, 3, 4, 0.9, class_id]
    assert len(decode(output)) == 0
    assert not recwarn.list


def test_nan_score_is_dropped():
    output = np.zeros(OUTPUT.shape, np.float32)
    output[0, 0] = [1, 2, 3, 4, np.nan, 0]
    assert len(decode(output)) == 0


def test_seven_columns_are_refused():
    with pytest.raises(UnknownHeadError, match=r"reads one output \(batch, boxes, 6\)"):
        create_head(make_card("yolo_end2end"), [TensorSpec("output0", (1, 300, 7), "float32")])
