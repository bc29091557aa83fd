"""Torch modules as a backend, on a network of one layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import torch

from streamvision.checkpoints.torch_runtime import TorchBackend
from streamvision.core.errors import DeviceError, ModelError
from streamvision.inference.card_reader import read_card
from streamvision.inference.model_card import InputCard, ModelCard

pytestmark = pytest.mark.reference

CARD = ModelCard(task="classify", head="classify", names=("a", "b"), input=InputCard(width_px=8, height_px=4))
PATH = Path("tiny.pt")


class Tiny(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.full((2,), 3.0))

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (pictures.mean(dim=(1, 2, 3))[:, None] * self.scale,)


def backend(device: str = "cpu") -> TorchBackend:
    return TorchBackend(Tiny(), path=PATH, card=CARD, output_names=("probabilities",), device=device)


def test_it_is_described_by_its_card_and_runs_any_batch() -> None:
    opened = backend()
    assert (opened.name, opened.device, opened.precision) == ("torch", "cpu", "fp32")
    assert opened.input.shape == (None, 3, 4, 8)
    assert [(spec.name, spec.shape, spec.dtype) for spec in opened.outputs] == [("probabilities", (None, 2), "float32")]
    card = read_card(opened, path=PATH)
    assert (card.head, card.input.dynamic_batch) == ("classify", True)
    (found,) = opened.run(np.full((3, 3, 4, 8), 0.5, np.float32))
    np.testing.assert_allclose(found, np.full((3, 2), 1.5))


def test_what_does_not_fit_is_refused() -> None:
    opened = backend()
    with pytest.raises(ModelError, match=r"tiny.pt takes \?x3x4x8 float32, not 1x3x8x8 float32"):
        opened.run(np.zeros((1, 3, 8, 8), np.float32))
    opened.close()
    with pytest.raises(ModelError, match="is closed"):
        opened.run(np.zeros((1, 3, 4, 8), np.float32))


@pytest.mark.parametrize(("device", "sentence"), [("tpu", "on cpu or cuda"), ("cuda", "has no CUDA")])
def test_a_device_that_is_not_there_is_an_error(device: str, sentence: str) -> None:
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(DeviceError, match=sentence):
        backend(device)
