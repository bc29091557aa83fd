"""A small U-Net for the class of every pixel (Ronneberger, Fischer and Brox, MICCAI 2015).

As in the paper, four levels go down and four come up, each given what the level beside it has seen. What has become
usual since is changed: borders are padded so that sizes stay, every convolution is followed by batch normalisation, and
the way up is bilinear instead of learned. This file imports torch; see
:func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

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
