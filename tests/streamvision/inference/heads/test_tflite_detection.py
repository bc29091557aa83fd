from __future__ import annotations

import numpy as np
import pytest

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.inference.heads.registry import match_head
from streamvision.inference.heads.tflite_detection import TfliteDetectionHead
from streamvision.inference.model_card import InputCard, ModelCard
from streamvision.inference.tensors import TensorSpec

CARD = ModelCard(
    head="tflite_detection",
    names=("cat", "dog"),
    input=InputCard(width_px=200, height_px=100, layout="nhwc"),
    box_unit="normalized",
    nms_inside=True,
)
PICTURE = TensorSpec("image", (1, 100, 200, 3), "float32")


def specs(rows: int = 3, columns: int = 4) -> list[TensorSpec]:
    shapes = [(1, rows, columns), (1, rows), (1, rows), (1,)]
    return [TensorSpec(f"output{i}", shape, "float32") for i, shape in enumerate(shapes)]


def outputs(count: float = 3) -> list[np.ndarray]:
    boxes = [[0.1, 0.2, 0.5, 0.6], [0, 0, 1, 1], [0.25, 0.25, 0.5, 0.5]]
    rows = (boxes, [1, 0, 2], [0.9, 0.8, 0.7])
    return [np.array([values], np.float32) for values in rows] + [np.array([count], np.float32)]


def test_boxes_are_read_top_first() -> None:
    (found,) = TfliteDetectionHead(CARD, specs()).decode(outputs(), score_threshold=0.85)
    np.testing.assert_allclose(found.box_xyxy_px, [[40, 10, 120, 50]], rtol=1e-6)
    assert found.class_id.tolist() == [1]
    assert found.score.tolist() == pytest.approx([0.9])


def test_rows_beyond_their_number_and_classes_without_a_name_do_not_count() -> None:
    head = TfliteDetectionHead(CARD, specs())
    assert [len(head.decode(outputs(count), score_threshold=0)[0]) for count in (0, 1, 2, 3)] == [0, 1, 2, 2]


def test_four_outputs_of_these_shapes_are_known_by_themselves() -> None:
    assert match_head(PICTURE, specs()) == "tflite_detection"


@pytest.mark.parametrize("wrong", [specs()[:3], specs(columns=5), specs()[::-1]])
def test_other_outputs_are_refused(wrong: list[TensorSpec]) -> None:
    with pytest.raises(UnknownHeadError, match="reads four outputs: boxes"):
        TfliteDetectionHead(CARD, wrong)


def test_an_output_that_turns_out_otherwise_is_refused() -> None:
    boxes, *others = outputs()
    with pytest.raises(ModelError, match="which is not four outputs"):
        TfliteDetectionHead(CARD, specs()).decode([boxes[:, :2], *others], score_threshold=0)
