"""Networks that make pictures behind inputs of bytes: what comes out is scaled as before, and the card says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from exporters.graph.adapters import fed_levels, fed_nhwc
from streamvision.checkpoints.torch_runtime import TorchBackend
from streamvision.core.picture import BgrPicture
from streamvision.inference.input_sizes import InputSizes
from streamvision.inference.model_card import InputCard, ModelCard

pytestmark = [pytest.mark.reference]
LEVELS = np.random.default_rng(5).integers(0, 256, (32, 32, 3), np.uint8)


class Same(torch.nn.Module):
    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (pictures * 1.0,)


def made_of(network: torch.nn.Module, card: ModelCard, feed: np.ndarray) -> np.ndarray:
    outputs = [one.numpy() for one in network(torch.from_numpy(feed))]
    probe = TorchBackend(Same(), path=Path("x"), card=CARD, output_names=("picture",))
    sized = InputSizes(card, probe.outputs).of((32, 32))
    places = sized.fill([BgrPicture(LEVELS)])
    (result,) = sized.head.read(outputs, places)
    return result.picture.to_bgr()


CARD = ModelCard(
    task="image",
    head="image",
    names=("image",),
    input=InputCard(width_px=32, height_px=32, color="bgr", mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4)),
)


@pytest.mark.parametrize("form", ["levels", "bytes"])
def test_a_picture_that_is_given_back_stays_as_it_is(form: str) -> None:
    rgb = np.ascontiguousarray(LEVELS[..., ::-1])[None]
    if form == "levels":
        network, card = fed_levels(Same(), CARD)
        feed = rgb.transpose(0, 3, 1, 2)
    else:
        network, card = fed_nhwc(Same(), CARD, uint8=True)
        feed = rgb
    assert card.picture is not None
    assert (made_of(network, card, np.ascontiguousarray(feed)) == LEVELS).all()
    wrong = card.model_copy(update={"picture": None})
    assert (made_of(network, wrong, np.ascontiguousarray(feed)) != LEVELS).any(), "which the gate refused"
