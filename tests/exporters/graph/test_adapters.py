from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from exporters.graph.adapters import boxes_in_fractions, fed_nhwc
from streamvision.core.picture import BgrPicture
from streamvision.inference.model_card import InputCard, KeypointCard, ModelCard, Resize
from streamvision.inference.preprocess import InputBatch
from support.float_arithmetic import assert_same_network

pytestmark = pytest.mark.reference

BOXES_PX = [16.0, 8.0, 64.0, 32.0]


class _Gives(torch.nn.Module):
    def __init__(self, *outputs: torch.Tensor) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.outputs


def _card(head: str, resize: Resize = "stretch", **changes: object) -> ModelCard:
    size = InputCard(width_px=64, height_px=32, resize=resize)
    return ModelCard.model_validate({"head": head, "names": ("cat",), "input": size, **changes})


@pytest.mark.parametrize("color", ["rgb", "bgr"])
@pytest.mark.parametrize("mean", [None, (0.485, 0.456, 0.406)])
@pytest.mark.parametrize("uint8", [False, True])
def test_the_network_sees_what_it_saw_before(color: str, mean: tuple[float, ...] | None, uint8: bool) -> None:
    size = InputCard.model_validate({"width_px": 64, "height_px": 32, "color": color, "mean": mean, "std": mean})
    card = ModelCard(head="yolo_v8", names=("cat",), input=size)
    network, fed = fed_nhwc(torch.nn.Identity(), card, uint8=uint8)
    picture = BgrPicture(np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8))
    seen = []
    for module, its in ((torch.nn.Identity(), card), (network, fed)):
        batch = InputBatch(its.input, 1)
        batch.put(0, picture)
        seen.append(module(torch.from_numpy(batch.tensor)).numpy())
    assert_same_network(seen[1], seen[0], roundings=8)
    assert (fed.input.layout, fed.input.dtype) == ("nhwc", "uint8" if uint8 else "float32")


def test_raw_boxes_become_fractions_and_scores_stay() -> None:
    raw = torch.tensor([*BOXES_PX, 0.5])[None, :, None]
    network, card = boxes_in_fractions(_Gives(raw), _card("yolo_v8"))
    (scaled,) = network(torch.zeros(1))
    assert scaled.flatten().tolist() == [0.25, 0.25, 1, 1, 0.5]
    assert card.box_unit == "normalized"


def test_keypoints_become_fractions_with_their_box() -> None:
    raw = torch.tensor([*BOXES_PX, 0.5, 32, 16, 0.9, 64, 32, 0.8])[None, :, None]
    keypoints = KeypointCard(names=("nose", "tail"))
    network, _ = boxes_in_fractions(_Gives(raw), _card("yolo_pose", task="pose", keypoints=keypoints))
    (scaled,) = network(torch.zeros(1))
    expected = [0.25, 0.25, 1, 1, 0.5, 0.5, 0.5, 0.9, 1, 1, 0.8]
    assert scaled.flatten().tolist() == pytest.approx(expected)


def test_selected_rows_become_fractions() -> None:
    network, _ = boxes_in_fractions(_Gives(torch.tensor([[[*BOXES_PX, 0.5, 3]]])), _card("yolo_end2end"))
    (scaled,) = network(torch.zeros(1))
    assert scaled.flatten().tolist() == [0.25, 0.25, 1, 1, 0.5, 3]


def test_rows_become_fractions_with_their_keypoints() -> None:
    outputs = (torch.tensor([[BOXES_PX]]), torch.ones(1, 1), torch.zeros(1, 1), torch.tensor([[[[32.0, 16, 0.9]]]]))
    network, _ = boxes_in_fractions(_Gives(*outputs), _card("rows", task="pose"))
    boxes, scores, labels, points = network(torch.zeros(1))
    assert boxes.flatten().tolist() == [0.25, 0.25, 1, 1]
    assert (scores.item(), labels.item()) == (1, 0)
    assert points.flatten().tolist() == pytest.approx([0.5, 0.5, 0.9])


@pytest.mark.parametrize("card", [_card("classify"), _card("yolo_v8", box_unit="normalized")])
def test_what_has_no_boxes_in_pixels_stays_as_it_is(card: ModelCard) -> None:
    network = _Gives(torch.zeros(1))
    assert boxes_in_fractions(network, card) == (network, card)
