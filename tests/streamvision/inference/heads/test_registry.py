import pytest

from streamvision.core.errors import UnknownHeadError
from streamvision.inference.heads.registry import HEADS, create_head, match_head
from streamvision.inference.tensors import TensorSpec
from support.model_cards import make_card

NCHW_640 = TensorSpec("images", (1, 3, 640, 640), "float32")
NHWC_640 = TensorSpec("images", (1, 640, 640, 3), "float32")
NCHW_416 = TensorSpec("images", (None, 3, 416, 416), "float32")


@pytest.mark.parametrize(
    ("input_spec", "shape", "head"),
    [
        (NCHW_640, (1, 84, 8400), "yolo_v8"),
        (NHWC_640, (1, 84, 8400), "yolo_v8"),
        (NCHW_640, (1, 5, 8400), "yolo_v8"),
        (NCHW_640, (1, 6, 8400), "yolo_v8"),
        (NCHW_640, (None, 84, 8500), "yolo_v8"),
        (NCHW_640, (1, 25200, 85), "yolo_v5"),
        (NCHW_640, (1, 25200, 6), "yolo_v5"),
        (NCHW_640, (1, 300, 6), "yolo_end2end"),
        (NCHW_640, (1, 100, 6), "yolo_end2end"),
    ],
)
def test_shapes_that_can_only_be_one_head(input_spec, shape, head):
    assert match_head(input_spec, [TensorSpec("output0", shape, "float32")]) == head


@pytest.mark.parametrize(
    ("input_spec", "shape"),
    [
        (NCHW_640, (1, 1000)),
        (NCHW_416, (None, 3549, 85)),
        (NCHW_640, (1, 8400, 6)),
        (NCHW_640, (1, 300, 7)),
        (NCHW_640, (1, 84, 3549)),
        (NCHW_640, (1, None, None)),
        (TensorSpec("images", (1, 3, None, None), "float32"), (1, 84, 8400)),
        (TensorSpec("text", (1, 77), "int64"), (1, 84, 8400)),
    ],
)
def test_shapes_that_settle_nothing_are_not_guessed(input_spec, shape):
    assert match_head(input_spec, [TensorSpec("output0", shape, "float32")]) is None


def test_several_outputs_settle_nothing():
    assert match_head(NCHW_640, [TensorSpec(n, (1, 84, 8400), "float32") for n in "ab"]) is None


def test_an_unknown_head_names_the_known_ones():
    with pytest.raises(UnknownHeadError, match=r"'yolo_v0' is not known.*yolo_v8, yolo_v5, yolo_end2end, yolox"):
        create_head(make_card("yolo_v0"), [TensorSpec("output0", (1, 84, 8400), "float32")])


@pytest.mark.parametrize("head", HEADS.names())
def test_no_outputs_at_all_are_refused(head):
    with pytest.raises(UnknownHeadError, match="outputs are none"):
        create_head(make_card(head), [])
