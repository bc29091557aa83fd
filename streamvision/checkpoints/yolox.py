"""A YOLOX that ``streamvision train`` has trained, as a source of exports.

Output, for head ``yolo_v8``: ``boxes`` (B, 4 + classes, cells) float32, the rows cx, cy, w, h in input pixels and then
a score for each class, objectness times what is likely there. YOLOX' own exports keep the two apart and leave the grid
to the host. This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from streamvision.checkpoints.base import TorchSource, chosen_names
from streamvision.checkpoints.yolox_network import SCALES, Yolox, decoded
from streamvision.core.errors import ModelError
from streamvision.inference.model_card import InputCard, ModelCard

STRIDE_PX = 32
"""Sides of the input must be multiples of this."""


class YoloxSource(TorchSource):
    """A trained YOLOX.

    Args:
        network: the network.
        path: where its weights are from.
        name: of the architecture.
        names: class names.
        size_px: (width, height) of the input, multiples of :data:`STRIDE_PX`.
        beginning: where its weights are from, in words.
    """

    def __init__(
        self, network: Yolox, *, path: Path, name: str, names: tuple[str, ...], size_px: tuple[int, int], beginning: str
    ) -> None:
        self._network = network
        card = ModelCard(
            task="detect",
            head="yolo_v8",
            names=names,
            input=InputCard(width_px=size_px[0], height_px=size_px[1], stride_px=STRIDE_PX),
            source=f"{name}, {beginning}",
        )
        super().__init__(path=path, card=card, output_names=("boxes",), size_px=None)

    @classmethod
    def of_run(
        cls,
        stored: dict[str, Any],
        *,
        path: Path,
        names: tuple[str, ...] | None = None,
        size_px: tuple[int, int] | None = None,
    ) -> YoloxSource:
        """Open what a ``best.pt`` or ``last.pt`` holds; without a size, in the one that it was trained with.

        Raises:
            ConfigError: when the number of names is not that of the classes.
            ModelError: when the tensors are not those of its architecture.
        """
        names, name = chosen_names(stored["names"], names, path), str(stored["architecture"])
        network = Yolox(SCALES[name], len(names)).eval()
        try:
            network.load_state_dict(stored["model"])
        except RuntimeError as error:
            raise ModelError(f"{path} does not hold the weights of {name} ({str(error).splitlines()[-1]})") from error
        width_px, height_px = size_px or stored["size_px"]
        return cls(
            network,
            path=path,
            name=name,
            names=names,
            size_px=(width_px, height_px),
            beginning=f"trained, epoch {stored.get('epoch', '?')}",
        )

    def module(self, *, dynamic_size: bool = False) -> nn.Module:
        """Return a fresh module; it takes any size either way."""
        return _AsBoxes(copy.deepcopy(self._network).float().eval().requires_grad_(False)).eval()


class _AsBoxes(nn.Module):
    def __init__(self, network: Yolox) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        found = decoded(self.network(pictures), pictures.shape[2], pictures.shape[3])
        scores = found[..., 4:5].sigmoid() * found[..., 5:].sigmoid()
        return (torch.cat([found[..., :4], scores], dim=-1).transpose(1, 2),)
