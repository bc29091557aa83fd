"""A discriminator that learns beside a network which makes pictures, and tells it what still looks made.

PatchGAN: a convolutional network judges each patch of some 40 pixels by itself, given what the picture was made of
(Isola, Zhu, Zhou and Efros, "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017), by binary
cross-entropy (Goodfellow et al., NIPS 2014). Its layers are kept from running away by spectral normalisation (Miyato et
al., ICLR 2018) in place of statistics of batches.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

_WIDTH = 32
_SLOPE = 0.2
_BETAS = (0.5, 0.999)
"""Of Adam, as in the paper: with a longer memory the two would swing."""


class Critic:
    """Learns to tell made pictures from true ones, given what they were made of.

    Args:
        device: where it computes.
        lr: highest learning rate.
    """

    def __init__(self, device: torch.device, *, lr: float) -> None:
        self._network = _patch_network().to(device)
        self._optimizer = torch.optim.Adam(self._network.parameters(), lr=lr, betas=_BETAS)

    def against(self, given: Tensor, made: Tensor) -> Tensor:
        """Return the loss of the network that made the pictures: how surely they are told from true ones.

        Args:
            given: (N, 3, h, w) what they were made of.
            made: (N, 3, H, W) the pictures.
        """
        self._network.requires_grad_(False)
        try:
            return _judged(self._network(_pair(given, made)), is_true=True)
        finally:
            self._network.requires_grad_(True)

    def learn(self, given: Tensor, made: Tensor, truth: Tensor, *, rate: float) -> float:
        """Take one step on pictures that were made and true ones, and return the loss."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        of_made = _judged(self._network(_pair(given, made.detach())), is_true=False)
        loss: Any = (of_made + _judged(self._network(_pair(given, truth)), is_true=True)) / 2
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        """Return what :meth:`take_up` goes on from."""
        return {"network": self._network.state_dict(), "optimizer": self._optimizer.state_dict()}

    def take_up(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])


def _patch_network() -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = [6, _WIDTH, 2 * _WIDTH, 4 * _WIDTH]
    for inputs, outputs in pairwise(channels):
        layers += [spectral_norm(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)), nn.LeakyReLU(_SLOPE)]
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(channels[-1], 1, 3, padding=1)))


def _pair(given: Tensor, picture: Tensor) -> Tensor:
    size = (int(picture.shape[2]), int(picture.shape[3]))
    if given.shape[2:] != picture.shape[2:]:
        given = functional.interpolate(given, size=size, mode="bilinear", align_corners=False)
    return torch.cat([given, picture], dim=1) * 2 - 1


def _judged(logits: Tensor, *, is_true: bool) -> Tensor:
    wanted = torch.full_like(logits, float(is_true))
    return functional.binary_cross_entropy_with_logits(logits, wanted)
