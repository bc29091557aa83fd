"""The loss of a network that places objects in space; see :mod:`streamvision.checkpoints.deep3dbox`.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.nn import functional

from streamvision.inference.heads.cuboid import BINS, bin_middle_rad

BIN_REACH_RAD = math.pi / BINS + 0.3
"""How far from its middle a bin learns angles; neighbours overlap, as in the paper."""
SIZE_WEIGHT, TURN_WEIGHT, OFFSET_WEIGHT = 4.0, 4.0, 4.0
"""Errors of logarithms of sizes, of angles within a bin and of places in a box are small beside those of the rest."""
LEAST_CHORD = 1e-3
"""Below it the error of an angle is taken as squared, so that its slope is finite."""
LEAST_LOG_SPREAD, MOST_LOG_SPREAD = -5.0, 2.0


def cuboid_loss(found: Any, targets: Any) -> Any:
    """Return the mean loss of a batch.

    Sizes and places by their absolute errors; MultiBin by cross entropy of the bin and the chord of the error in each
    bin that reaches the angle; distances by the likelihood of a Laplace distribution of the expected spread. The paper
    takes one less the cosine, which is all but flat at a few degrees, where vehicles on a road are: the angle stayed at
    its mean.

    Args:
        found: (N, 13) of the network.
        targets: (N, 7) of :class:`~streamvision.training.cuboid.samples.CuboidSamples`.
    """
    size = functional.l1_loss(found[:, :3].log(), targets[:, :3])
    alpha = targets[:, 3]
    middles = torch.tensor([bin_middle_rad(number) for number in range(BINS)], device=found.device)
    away = torch.remainder(alpha[:, None] - middles + math.pi, 2 * math.pi) - math.pi
    chosen = functional.cross_entropy(found[:, 3 : 3 + BINS], away.abs().argmin(dim=1))
    turns = found[:, 3 + BINS : 3 + 3 * BINS].reshape(-1, BINS, 2)
    chord = ((turns - torch.stack([away.cos(), away.sin()], dim=-1)).square().sum(dim=-1) + LEAST_CHORD**2).sqrt()
    reached = (away.abs() < BIN_REACH_RAD).float()
    angle = (chord * reached).sum() / reached.sum()
    log_spread = found[:, -1].clamp(LEAST_LOG_SPREAD, MOST_LOG_SPREAD)
    # Of the distance itself, which comes of the height, too: the ratio makes up for what the height is wrong by.
    error = (found[:, -4] + found[:, 2].log() - targets[:, 4] - targets[:, 2]).abs()
    distance = (math.sqrt(2) * error * torch.exp(-log_spread) + log_spread).mean()
    offset = functional.l1_loss(found[:, -3:-1], targets[:, 5:])
    return SIZE_WEIGHT * size + chosen + TURN_WEIGHT * angle + distance + OFFSET_WEIGHT * offset
