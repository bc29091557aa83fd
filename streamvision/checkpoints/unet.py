"""Our own U-Net, as ``streamvision train --model unet`` leaves it.

Output, for head ``semantic``: ``logits`` (B, C, H, W) float32 of each class, in the input's size.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from streamvision.checkpoints.sizes import with_size
from streamvision.checkpoints.torch_network import TorchBackend
from streamvision.core.errors import ConfigError, ModelError
from streamvision.inference.model_card import InputCard, ModelCard

ARCHITECTURE = "unet"
"""What checkpoints of training call it."""


class UnetSource:
    """A trained U-Net; see :class:`exporters.base.Source`.

    Args:
        network: a :class:`streamvision.checkpoints.unet_network.UNet`.
        path: where its weights are from.
        names: class names.
        size_px: (width, height) of the input, multiples of its stride.
        beginning: where its weights are from, in words.
    """

    output_names = ("logits",)
    """Names of the outputs."""
    onnx = None
    """It has a torch side."""

    def __init__(
        self,
        network: Any,
        *,
        path: Path,
        names: tuple[str, ...],
        size_px: tuple[int, int],
        beginning: str,
    ) -> None:
        from streamvision.checkpoints.unet_network import STRIDE_PX

        width_px, height_px = size_px
        self._network = network
        self._path = path
        self._card = ModelCard(
            task="semantic",
            head="semantic",
            names=names,
            input=InputCard(width_px=width_px, height_px=height_px, stride_px=STRIDE_PX),
            source=f"U-Net, {beginning}",
        )

    @classmethod
    def of_run(
        cls,
        stored: dict[str, Any],
        *,
        path: Path,
        names: tuple[str, ...] | None = None,
        size_px: tuple[int, int] | None = None,
    ) -> UnetSource:
        """Open what a ``best.pt`` or ``last.pt`` holds; without a size, in that which it was trained with.

        Raises:
            ConfigError: when the number of names is not that of the classes.
            ModelError: when the tensors are not a U-Net's.
        """
        from streamvision.checkpoints.unet_network import UNet

        own = tuple(stored["names"])
        if names and len(names) != len(own):
            raise ConfigError(f"{path} has {len(own)} classes, but {len(names)} names were given; give as many")
        network = UNet(len(own)).eval()
        try:
            network.load_state_dict(stored["model"])
        except RuntimeError as error:
            raise ModelError(f"{path} does not hold the weights of a U-Net ({str(error).splitlines()[-1]})") from error
        width_px, height_px = size_px or stored["size_px"]
        beginning = f"trained, epoch {stored.get('epoch', '?')}"
        return cls(network, path=path, names=names or own, size_px=(width_px, height_px), beginning=beginning)

    @property
    def path(self) -> Path:
        """The weights."""
        return self._path

    @property
    def card(self) -> ModelCard:
        """How the network is fed and read."""
        return self._card

    def module(self, *, dynamic_size: bool = False) -> Any:
        """Return a fresh module; see :meth:`exporters.base.Source.module`."""
        from torch import nn

        from streamvision.checkpoints.unet_network import UNet

        class Logits(nn.Module):
            def __init__(self, network: UNet) -> None:
                super().__init__()
                self.network = network

            def forward(self, pictures: Any) -> tuple[Any, ...]:
                return (self.network(pictures),)

        return Logits(copy.deepcopy(self._network).float().eval().requires_grad_(False)).eval()

    def backend(self, *, size_px: tuple[int, int], device: str = "cpu") -> TorchBackend:
        """Return the network in torch in fp32."""
        return TorchBackend(
            self.module(),
            path=self._path,
            card=with_size(self._card, size_px),
            output_names=self.output_names,
            device=device,
        )
