"""A small U-Net for the class of every pixel (Ronneberger, Fischer and Brox, MICCAI 2015), and its checkpoints.

As in the paper, four levels go down and four come up, each given what the level beside it has seen. What has become
usual since is changed: borders are padded so that sizes stay, every convolution is followed by batch normalisation, and
the way up is bilinear instead of learned.

Output, for head ``semantic``: ``logits`` (B, C, H, W) float32 of each class, in the input's size. This file imports
torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from streamvision.checkpoints.base import TorchSource, chosen_names
from streamvision.core.errors import ModelError
from streamvision.inference.model_card import InputCard, ModelCard

ARCHITECTURE = "unet"
"""What recipes and checkpoints of training call it."""
WIDTH = 16
"""Channels of the first level; each further one has twice as many."""
LEVELS = 4
STRIDE_PX = 2**LEVELS
"""Sides of the input must be multiples of this."""


class UNet(nn.Module):
    """(N, 3, H, W) RGB of 0..1 to (N, classes, H, W) logits; 1.96 million parameters for few classes."""

    def __init__(self, classes: int, *, width: int = WIDTH) -> None:
        super().__init__()
        channels = [width * 2**level for level in range(LEVELS + 1)]
        self.down = nn.ModuleList(_block(*pair) for pair in zip([3, *channels[:-1]], channels, strict=True))
        pairs = zip(channels[1:], channels[:-1], strict=True)
        self.up = nn.ModuleList(_block(below + beside, beside) for below, beside in reversed(list(pairs)))
        self.last = nn.Conv2d(width, classes, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the logits of each class for each pixel."""
        seen = [self.down[0](pictures)]
        for block in list(self.down)[1:]:
            # Core ML's converter needs the stride, even where it is the kernel's size.
            seen.append(block(functional.max_pool2d(seen[-1], 2, stride=2)))
        found = seen.pop()
        for block in self.up:
            larger = functional.interpolate(found, scale_factor=2.0, mode="bilinear", align_corners=False)
            found = block(torch.cat([larger, seen.pop()], dim=1))
        logits: Tensor = self.last(found)
        return logits


def _block(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[Any] = []
    for channels in (inputs, outputs):
        layers += [
            nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class UnetSource(TorchSource):
    """A trained U-Net, as ``streamvision train --model unet`` leaves it.

    Args:
        network: the network.
        path: where its weights are from.
        names: class names.
        size_px: (width, height) of the input, multiples of :data:`STRIDE_PX`.
        beginning: where its weights are from, in words.
    """

    def __init__(
        self, network: UNet, *, path: Path, names: tuple[str, ...], size_px: tuple[int, int], beginning: str
    ) -> None:
        self._network = network
        size = InputCard(width_px=size_px[0], height_px=size_px[1], stride_px=STRIDE_PX)
        card = ModelCard(task="semantic", head="semantic", names=names, input=size, source=f"U-Net, {beginning}")
        super().__init__(path=path, card=card, output_names=("logits",), size_px=None)

    @classmethod
    def of_run(
        cls,
        stored: dict[str, Any],
        *,
        path: Path,
        names: tuple[str, ...] | None = None,
        size_px: tuple[int, int] | None = None,
    ) -> UnetSource:
        """Open what a ``best.pt`` or ``last.pt`` holds; without a size, in the one that it was trained with.

        Raises:
            ConfigError: when the number of names is not that of the classes.
            ModelError: when the tensors are not a U-Net's.
        """
        names = chosen_names(stored["names"], names, path)
        network = UNet(len(names)).eval()
        try:
            network.load_state_dict(stored["model"])
        except RuntimeError as error:
            raise ModelError(f"{path} does not hold the weights of a U-Net ({str(error).splitlines()[-1]})") from error
        width_px, height_px = size_px or stored["size_px"]
        beginning = f"trained, epoch {stored.get('epoch', '?')}"
        return cls(network, path=path, names=names, size_px=(width_px, height_px), beginning=beginning)

    def module(self, *, dynamic_size: bool = False) -> nn.Module:
        """Return a fresh module; it takes any size either way."""
        return _AsTuple(copy.deepcopy(self._network).float().eval().requires_grad_(False)).eval()


class _AsTuple(nn.Module):
    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        return (self.network(pictures),)
