"""Networks of ours from what a run left, and the modules that are executed and exported in their place.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

from streamvision.core.errors import ModelError

NetworkT = TypeVar("NetworkT", bound=nn.Module)


def filled(network: NetworkT, tensors: Mapping[str, Any], path: Path, *, title: str) -> NetworkT:
    """Give a network all of its weights, and return it ready to answer.

    Args:
        network: in which they fit.
        tensors: the weights by name.
        path: where they are from.
        title: what sentences call the network.

    Raises:
        ModelError: when they are not this network's.
    """
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise ModelError(
            f"{path} does not hold the weights of {title} ({reason}); give those of the same network"
        ) from error
    return network.eval()


def fresh(network: NetworkT) -> NetworkT:
    """Return a copy in float32 that learns nothing."""
    return copy.deepcopy(network).float().eval().requires_grad_(False)


def how_trained(stored: Mapping[str, Any]) -> str:
    """Return where the weights of a run's checkpoint are from, in words."""
    return f"trained, epoch {stored.get('epoch', '?')}"


class AsTuple(nn.Module):
    """A network with one output, which is returned as the tuple that exports expect."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Return the output for pictures, alone in a tuple."""
        return (self.network(pictures),)
