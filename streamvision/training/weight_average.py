"""The average of a network's weights over its last steps, which is better than the weights themselves.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import torch


class WeightAverage:
    """An exponential moving average of the weights and batch statistics of a network (Tarvainen and Valpola 2017).

    Args:
        network: whose weights they are.
        horizon_steps: over about how many steps it averages; at the beginning over fewer.
    """

    def __init__(self, network: Any, *, horizon_steps: int) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        """The network with the average as its weights."""
        self._horizon_steps = horizon_steps
        self.steps = 0
        """How many were averaged."""

    @torch.no_grad()
    def update(self, network: Any) -> None:
        """Take the weights after a step in."""
        self.steps += 1
        share = 1 / self._horizon_steps
        keep = (1 - share) * (1 - math.exp(-self.steps / self._horizon_steps))
        given = network.state_dict()
        for key, value in self.network.state_dict().items():
            if value.is_floating_point():
                value.lerp_(given[key], 1 - keep)
            else:
                value.copy_(given[key])
