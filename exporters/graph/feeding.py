"""Networks fed in another form than they were trained with: NHWC for phones, whole levels with the scaling inside."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from streamvision.inference.model_card import ModelCard


def fed_nhwc(network: nn.Module, card: ModelCard, *, uint8: bool = False) -> tuple[nn.Module, ModelCard]:
    """Return the network behind an input (N, H, W, 3), and its card.

    Args:
        network: takes what the card says: (N, 3, H, W) float32.
        card: of the network.
        uint8: whether the new input is uint8 RGB, with scaling, mean and channel order inside the network. Otherwise
            it is float32, and fed as before but for the order of the axes.
    """
    changes: dict[str, Any] = {"layout": "nhwc"}
    if uint8:
        changes |= {"dtype": "uint8", "scale": 1.0, "mean": None, "std": None, "color": "rgb"}
        network = _FromLevels(network, card)
    return _FromNhwc(network).eval(), card.model_copy(update={"input": card.input.model_copy(update=changes)})


def fed_levels(network: nn.Module, card: ModelCard) -> tuple[nn.Module, ModelCard]:
    """Return the network behind an input of RGB levels 0..255, with scaling, mean and channel order inside.

    The module takes (N, 3, H, W), which is how Core ML hands an image on; the card says what the image is to others,
    (N, H, W, 3) uint8.
    """
    changes = {"layout": "nhwc", "dtype": "uint8", "scale": 1.0, "mean": None, "std": None, "color": "rgb"}
    fed = card.model_copy(update={"input": card.input.model_copy(update=changes)})
    return _FromLevels(network, card).eval(), fed


class _FromNhwc(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._network = network

    def forward(self, pictures: Tensor) -> Any:
        return self._network(pictures.permute(0, 3, 1, 2))


class _FromLevels(nn.Module):
    """Does to (N, 3, H, W) uint8 RGB what :class:`streamvision.inference.preprocess.InputBatch` does, to the bit."""

    def __init__(self, network: nn.Module, card: ModelCard) -> None:
        super().__init__()
        self._network = network
        self._divisor = 1 / card.input.scale
        self._swap = card.input.color == "bgr"
        mean, std = card.input.mean or (0.0,) * 3, card.input.std or (1.0,) * 3
        self._shifts = any(mean) or any(s != 1 for s in std)
        self._mean: Tensor
        self._std: Tensor
        self.register_buffer("_mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("_std", torch.tensor(std)[:, None, None], persistent=False)

    def forward(self, pictures: Tensor) -> Any:
        if self._swap:
            pictures = pictures.flip(1)
        values = pictures.to(torch.float32) / self._divisor
        return self._network((values - self._mean) / self._std if self._shifts else values)
