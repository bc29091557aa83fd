"""The head for Core ML's object detection pipelines."""

from __future__ import annotations

import numpy as np
import pytest

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.inference.heads.registry import create_head, match_head
from streamvision.inference.heads.selected import VisionObjectsHead
from streamvision.inference.tensors import TensorSpec
from support.model_cards import make_card

OUTPUTS = (TensorSpec("confidence", (None, 80), "float32"), TensorSpec("coordinates", (None, 4), "float32"))
CARD = make_card("vision_objects", classes=3, width_px=200, height_px=100)


def _confidence(*rows: tuple[int, float]) -> np.ndarray:
    confidence = np.zeros((len(rows), 80), np.float32)
    for row, (class_id, score) in enumerate(rows):
        confidence[row, class_id] = score
    return confidence


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_rows_become_boxes_in_pixels_of_the_input(order: tuple[int, int]) -> None:
    head = create_head(CARD, [OUTPUTS[i] for i in order])
    assert isinstance(head, VisionObjectsHead)
    coordinates = np.array([[0.5, 0.5, 0.2, 0.4], [0.1, 0.2, 0.1, 0.1], [0.9, 0.9, 0.1, 0.1]], np.float32)
    tensors = _confidence((2, 0.9), (0, 0.6), (1, 0.1)), coordinates
    (found,) = head.decode([tensors[i] for i in order], score_threshold=0.25)
    np.testing.assert_allclose(found.box_xyxy_px, [[80, 30, 120, 70], [10, 15, 30, 25]], atol=1e-4)
    assert found.score.tolist() == pytest.approx([0.9, 0.6])
    assert found.class_id.tolist() == [2, 0]


def test_classes_that_only_fill_up_the_rows_are_not_looked_at() -> None:
    head = create_head(CARD, OUTPUTS)
    (found,) = head.decode([_confidence((79, 0.9)), np.full((1, 4), 0.5, np.float32)], score_threshold=0.25)
    assert len(found) == 0


def test_a_picture_without_objects_gives_none() -> None:
    head = create_head(CARD, OUTPUTS)
    (found,) = head.decode([np.empty((0, 80), np.float32), np.empty((0, 4), np.float32)], score_threshold=0.25)
    assert len(found) == 0


def test_only_outputs_of_these_names_are_taken_for_it() -> None:
    picture = TensorSpec("image", (1, 64, 64, 3), "uint8")
    assert match_head(picture, OUTPUTS) == "vision_objects"
    others = [TensorSpec("a", (None, 80), "float32"), TensorSpec("b", (None, 4), "float32")]
    assert match_head(picture, others) is None
    with pytest.raises(UnknownHeadError, match="'vision_objects' reads coordinates"):
        create_head(CARD, others)


def test_shapes_that_do_not_fit_are_an_error() -> None:
    head = create_head(CARD, OUTPUTS)
    with pytest.raises(ModelError, match="does not fit its 3 classes"):
        head.decode([np.zeros((2, 2), np.float32), np.zeros((2, 4), np.float32)], score_threshold=0.25)
