"""What a discriminator judges where pictures are made of pictures: patches, given what they were made of.

PatchGAN: a convolutional network judges each patch of some 40 pixels by itself (Isola, Zhu, Zhou and Efros,
"Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017).

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from streamvision.training.discriminator import SLOPE

_WIDTH = 32


def patch_network() -> nn.Sequential:
    """Return a network that has learnt nothing, from :func:`paired` pictures to a logit for each patch."""
    layers: list[nn.Module] = []
    channels = [6, _WIDTH, 2 * _WIDTH, 4 * _WIDTH]
    for inputs, outputs in pairwise(channels):
        layers += [spectral_norm(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)), nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(channels[-1], 1, 3, padding=1)))


def paired(given: Tensor, picture: Tensor) -> Tensor:
    """Return (N, 6, H, W) of -1..1 what is judged.

    Args:
        given: (N, 3, h, w) what a picture was made of, of 0..1; brought to its size.
        picture: (N, 3, H, W) the picture, of 0..1.
    """
    size = (int(picture.shape[2]), int(picture.shape[3]))
    if given.shape[2:] != picture.shape[2:]:
        given = functional.interpolate(given, size=size, mode="bilinear", align_corners=False)
    return torch.cat([given, picture], dim=1) * 2 - 1
