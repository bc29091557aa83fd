"""BlazePose's landmarks: one person a crop."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.inference.card_reader import read_card
from streamvision.inference.heads.pose import POINTS
from streamvision.inference.heads.registry import create_head, match_head
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import InputCard, ModelCard
from streamvision.inference.tensors import TensorSpec

SHAPES = ((1, 195), (1, 1), (1, 256, 256, 1), (1, 64, 64, 39), (1, 117))
OUTPUTS = [TensorSpec(f"Identity_{i}", shape, "float32") for i, shape in enumerate(SHAPES)]
CARD = ModelCard(
    task="pose",
    head="blaze_pose",
    names=("person",),
    keypoints=POINTS,
    input=InputCard(width_px=256, height_px=256, layout="nhwc", pad_value=0),
)


def given(presence, **points):
    rows = np.zeros((1, 39, 5), np.float32)
    rows[0, :, :2], rows[0, :, 3:] = 128, 8
    for number, values in points.items():
        rows[0, int(number[1:])] = values
    others = [np.zeros(shape, np.float32) for shape in SHAPES[2:]]
    return [rows.reshape(1, 195), np.array([[presence]], np.float32), *others]


def test_points_come_back_in_the_pictures_pixels():
    head = create_head(CARD, OUTPUTS)
    outputs = given(0.9, p0=(64, 32, 5, 8, -8), p32=(192, 224, 5, 0, 8), p38=(0, 0, 0, 8, 8))
    place = Letterbox.fit(128, 128, CARD.input)
    (found,) = head.decode(outputs, score_threshold=0.5)
    person = head.complete(found, outputs, index=0, letterbox=place)
    np.testing.assert_allclose(person.box_xyxy_px, [[32, 16, 96, 112]])
    np.testing.assert_allclose(person.keypoint_xy_px[0, [0, 32]], [[32, 16], [96, 112]])
    np.testing.assert_allclose(person.keypoint_score[0, [0, 1, 32]], [0.0003, 0.9997, 0.5], atol=1e-3)
    assert person.keypoint_xy_px.shape == (1, 33, 2) and person.score.tolist() == pytest.approx([0.9])


def test_nobody_there_gives_nothing():
    head = create_head(CARD, OUTPUTS)
    outputs = given(0.2)
    (found,) = head.decode(outputs, score_threshold=0.5)
    assert len(head.complete(found, outputs, index=0, letterbox=Letterbox.fit(128, 128, CARD.input))) == 0


def test_the_outputs_say_which_head_it_is():
    picture = TensorSpec("input_1", (1, 256, 256, 3), "float32")
    assert match_head(picture, OUTPUTS) == "blaze_pose"
    assert match_head(picture, OUTPUTS[1:]) is None


def test_a_file_without_a_card_needs_no_further_word():
    picture = TensorSpec("input_1", (1, 256, 256, 3), "float32")
    backend = SimpleNamespace(name="litert", metadata={}, input=picture, outputs=tuple(OUTPUTS))
    card = read_card(backend, path=Path("pose.tflite"))
    assert (card.head, card.task, card.names, card.keypoints) == ("blaze_pose", "pose", ("person",), POINTS)
    assert (card.input.layout, card.input.resize, card.input.pad_value) == ("nhwc", "letterbox_center", 0)


def test_other_outputs_are_refused():
    with pytest.raises(UnknownHeadError, match=r"reads points \(batch, 195\) and presence \(batch, 1\)"):
        create_head(CARD, OUTPUTS[1:])
    with pytest.raises(ModelError, match="do not belong together"):
        create_head(CARD, OUTPUTS).decode([np.zeros((1, 63), np.float32), *given(1)[1:]], score_threshold=0.5)
