"""A discriminator that learns beside a network which makes pictures, and tells it what still looks made.

It learns by binary cross-entropy, the other by its non-saturating form (Goodfellow et al., NIPS 2014). Its layers are
to be kept from running away by spectral normalisation (Miyato et al., ICLR 2018) in place of statistics of batches.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

BETAS = (0.5, 0.999)
"""Of Adam, for both networks, as Radford et al. (ICLR 2016) have it: with a longer memory the two would swing."""
SLOPE = 0.2
"""Of the leaky rectifiers, as there."""


class Discriminator:
    """Learns to tell made pictures from true ones.

    Args:
        network: from what is judged to logits, one a picture or a patch.
        device: where it computes.
        lr: highest learning rate.
    """

    def __init__(self, network: nn.Module, device: torch.device, *, lr: float) -> None:
        self._network = network.to(device)
        self._optimizer = torch.optim.Adam(self._network.parameters(), lr=lr, betas=BETAS)

    def against(self, made: Tensor) -> Tensor:
        """Return the loss of the network that made the pictures: how surely they are told from true ones.

        Args:
            made: what is judged.
        """
        self._network.requires_grad_(False)
        try:
            return _judged(self._network(made), is_true=True)
        finally:
            self._network.requires_grad_(True)

    def learn(self, made: Tensor, truth: Tensor, *, rate: float) -> float:
        """Take one step on pictures that were made and true ones, and return the loss; log 2 where it cannot tell."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        of_made = _judged(self._network(made.detach()), is_true=False)
        loss: Any = (of_made + _judged(self._network(truth), is_true=True)) / 2
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


def _judged(logits: Tensor, *, is_true: bool) -> Tensor:
    wanted = torch.full_like(logits, float(is_true))
    return functional.binary_cross_entropy_with_logits(logits, wanted)
