"""Checkpoints of networks that make pictures of pictures, as ``streamvision train`` leaves them.

Output, for head ``image``: ``picture`` (B, 3, H, W) float32 RGB of 0..1, as large as the network makes it. This file
imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from streamvision.checkpoints.base import StoredRun, TorchSource, with_size
from streamvision.checkpoints.picture_networks import picture_network
from streamvision.checkpoints.restoring import AsTuple, filled, fresh, how_trained
from streamvision.checkpoints.torch_runtime import TorchBackend
from streamvision.inference.letterbox import rounded_up
from streamvision.inference.model_card import InputCard, ModelCard


class PictureSource(TorchSource):
    """A trained network that makes pictures of pictures.

    Args:
        network: the network.
        name: what it is called.
        path: where its weights are from.
        size_px: (width, height) of the input where its size is not free.
        beginning: where its weights are from, in words.
    """

    def __init__(
        self, network: Any, *, name: str, path: Path, size_px: tuple[int, int], beginning: str, names: tuple[str, ...]
    ) -> None:
        self._network = network
        stride_px = network.stride_px
        width_px, height_px = (rounded_up(side_px, stride_px) for side_px in size_px)
        size = InputCard(width_px=width_px, height_px=height_px, stride_px=stride_px, own_size=True)
        card = ModelCard(task="image", head="image", names=names, input=size, source=f"{name}, {beginning}")
        super().__init__(path=path, card=card, output_names=("picture",), size_px=None)

    @classmethod
    def of_run(cls, run: StoredRun) -> PictureSource:
        """Open what a ``best.pt`` or ``last.pt`` holds; without a size, in the one that it was trained with.

        Raises:
            ConfigError: when there is not one name.
            ModelError: when the tensors are not those of the network that it names.
        """
        name = run.architecture
        return cls(
            filled(picture_network(name), run.stored["model"], run.path, title=name),
            name=name,
            path=run.path,
            size_px=run.chosen_size_px(),
            beginning=how_trained(run.stored),
            names=run.chosen_names(),
        )

    def module(self, *, dynamic_size: bool = False) -> nn.Module:
        """Return a fresh module; it takes any size either way."""
        return AsTuple(fresh(self._network)).eval()

    def backend(self, *, size_px: tuple[int, int], device: str = "cpu") -> TorchBackend:
        """Return the network in torch in fp32, which takes pictures of any size in their own."""
        return TorchBackend(
            self.module(),
            path=self.path,
            card=with_size(self.card, size_px).with_input(dynamic_size=True),
            output_names=self.output_names,
            device=device,
        )
