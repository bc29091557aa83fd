import numpy as np
import pytest

from streamvision.inference.heads.layout import (
    box_tensor,
    cell_counts,
    describe_outputs,
    finite_candidates,
    input_size_px,
)
from streamvision.inference.tensors import TensorSpec


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((1, 3, 480, 640), (640, 480)),
        ((None, 3, 480, 640), (640, 480)),
        ((1, 480, 640, 3), (640, 480)),
        ((1, 3, None, None), None),
        ((1, 80, 100), None),
        ((1, 4, 64, 64), None),
    ],
)
def test_input_size_is_read_in_both_layouts(shape, size):
    assert input_size_px(TensorSpec("images", shape, "float32")) == size


def test_usual_cell_counts():
    assert 8400 in cell_counts(640, 640)
    assert 3549 in cell_counts(416, 416)


def test_only_one_output_may_have_three_axes():
    boxes, maps = TensorSpec("a", (1, 25200, 85), "float32"), TensorSpec("b", (1, 3, 80, 80, 85), "float32")
    assert box_tensor([maps, boxes]) == 1
    assert box_tensor([boxes, boxes]) is None
    assert box_tensor([maps]) is None


def test_outputs_are_described_with_their_open_axes():
    assert describe_outputs([TensorSpec("out", (None, 84, 8400), "float32")]) == "out (?, 84, 8400)"


def test_rows_that_overflow_are_dropped_without_a_warning(recwarn):
    boxes = np.array([[0, 0, 1, 1], [0, 0, np.inf, 1], [0, 0, 1, np.nan], [0, 0, 3e38, 1]], np.float32)
    found = finite_candidates(boxes, np.full(4, 0.5, np.float32), np.arange(4), scale=640.0)
    assert found.class_id.tolist() == [0]
    assert not recwarn.list
