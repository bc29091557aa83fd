"""Random changes of pictures whose gradients reach what made them.

Zhao, Liu, Lin, Zhu and Han, "Differentiable Augmentation for Data-Efficient GAN Training", NeurIPS 2020: brightness,
saturation and contrast, a shift by up to an eighth of the side, and a square of half the side that is blank. They are
for both kinds of pictures that a discriminator sees: changes of the real ones alone would be learnt by the generator,
too.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SHIFT_SHARE = 1 / 8
BLANK_SHARE = 1 / 2


def changed(pictures: Tensor) -> Tensor:
    """Return (N, 3, S, S) pictures of -1..1, each changed in another way; blank is 0."""
    return _with_blank(_shifted(_coloured(pictures)))


def _coloured(pictures: Tensor) -> Tensor:
    brightness, saturation, contrast = torch.rand(3, len(pictures), 1, 1, 1, device=pictures.device)
    pictures = pictures + brightness - 0.5
    grey = pictures.mean(dim=1, keepdim=True)
    pictures = torch.lerp(grey, pictures, 2 * saturation)
    middle = pictures.mean(dim=(1, 2, 3), keepdim=True)
    return torch.lerp(middle, pictures, contrast + 0.5)


def _shifted(pictures: Tensor) -> Tensor:
    count, channels, side, _ = pictures.shape
    most = round(side * SHIFT_SHARE)
    padded = functional.pad(pictures, (most,) * 4)
    begins = torch.randint(2 * most + 1, (2, count, 1), device=pictures.device)
    rows, columns = begins + torch.arange(side, device=pictures.device)
    number = torch.arange(count, device=pictures.device)[:, None, None, None]
    channel = torch.arange(channels, device=pictures.device)[None, :, None, None]
    shifted: Tensor = padded[number, channel, rows[:, None, :, None], columns[:, None, None, :]]
    return shifted


def _with_blank(pictures: Tensor) -> Tensor:
    count, side = len(pictures), pictures.shape[2]
    middles = torch.randint(side + 1, (2, count, 1), device=pictures.device)
    inside = (torch.arange(side, device=pictures.device) - middles + 0.5).abs() < side * BLANK_SHARE / 2
    rows, columns = inside
    kept: Tensor = pictures * ~(rows[:, None, :, None] & columns[:, None, None, :])
    return kept
