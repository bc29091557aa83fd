"""Networks for scenes with weights, as sources of exports.

Output, for head ``semantic``: ``logits`` (B, C, H, W) float32 of each class, in the input's size. This file imports
torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from streamvision.checkpoints.base import StoredRun, TorchSource, chosen_names
from streamvision.checkpoints.checkpoint_file import read_tensors
from streamvision.checkpoints.random_weights import random_network
from streamvision.checkpoints.restoring import filled, fresh, how_trained
from streamvision.checkpoints.scene_networks import SceneNetwork, logits_of, scene_network
from streamvision.checkpoints.torchvision import PAD_VALUE
from streamvision.core.errors import ConfigError, ModelError
from streamvision.inference.model_card import InputCard, ModelCard

RANDOM_CLASSES = 8
"""Of a network that has learnt nothing."""
SIDE_PX = 512
"""Of the square input of a network that was given by its name; it takes other sizes."""


class SceneSource(TorchSource):
    """A network for scenes with weights.

    Args:
        described: how it is made and fed.
        network: the network itself.
        path: where its weights are from.
        names: class names.
        size_px: (width, height) of the input, multiples of its stride.
        beginning: where its weights are from, in words.
    """

    def __init__(
        self,
        described: SceneNetwork,
        network: Any,
        *,
        path: Path,
        names: tuple[str, ...],
        size_px: tuple[int, int],
        beginning: str,
    ) -> None:
        self._network = network
        size = InputCard(
            width_px=size_px[0],
            height_px=size_px[1],
            stride_px=described.stride_px,
            mean=described.mean,
            std=described.std,
            pad_value=PAD_VALUE,
        )
        source = f"{described.title}, {beginning}"
        card = ModelCard(task="semantic", head="semantic", names=names, input=size, source=source)
        super().__init__(path=path, card=card, output_names=("logits",), size_px=None)

    @classmethod
    def of_run(cls, run: StoredRun) -> SceneSource:
        """Open what a ``best.pt`` or ``last.pt`` holds; without a size, in the one that it was trained with.

        Raises:
            ConfigError: when the number of names is not that of the classes.
            ModelError: when the tensors are not this network's.
            MissingDependencyError: when the library that it needs is not installed.
        """
        described, names = scene_network(run.architecture), run.chosen_names()
        network = filled(described.create(len(names)), run.stored["model"], run.path, title=run.architecture)
        beginning = how_trained(run.stored)
        return cls(described, network, path=run.path, names=names, size_px=run.chosen_size_px(), beginning=beginning)

    @classmethod
    def of_name(
        cls,
        name: str,
        *,
        weights: Path | None,
        seed: int | None,
        names: tuple[str, ...] | None,
        size_px: tuple[int, int] | None,
        trusted: bool,
    ) -> SceneSource:
        """Open a network by its name, with a file of tensors or with random weights.

        Raises:
            ConfigError: when there is no such network, or not exactly one of ``weights`` and ``seed`` is given.
            ModelError: when the tensors are not this network's.
            MissingDependencyError: when the library that it needs is not installed.
        """
        described = scene_network(name)
        if (weights is None) == (seed is None):
            raise ConfigError(
                f"{name} was given {'without weights' if seed is None else 'twice'}, and nothing is downloaded unasked:"
                " give either --weights FILE, or --random-weights SEED for a network that has learnt nothing"
            )
        size_px, path = size_px or (SIDE_PX, SIDE_PX), weights or Path(name)
        if weights is None:
            classes = len(names) if names else RANDOM_CLASSES
            network = random_network(lambda: described.create(classes).eval(), seed=seed or 0, kind="semantic")
            beginning = f"random weights, {seed=}"
        else:
            tensors = read_tensors(weights, trusted=trusted)
            classes = _class_count(described, tensors, weights, name)
            network = filled(described.create(classes), tensors, weights, title=name)
            beginning = f"weights {weights.name}"
        own = tuple(f"class {class_id}" for class_id in range(classes))
        chosen = chosen_names(own, names, path)
        return cls(described, network, path=path, names=chosen, size_px=size_px, beginning=beginning)

    def module(self, *, dynamic_size: bool = False) -> nn.Module:
        """Return a fresh module; it takes any size either way."""
        return _AsTuple(fresh(self._network)).eval()


class _AsTuple(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        return (logits_of(self.network(pictures)),)


def _class_count(described: SceneNetwork, tensors: dict[str, Any], path: Path, name: str) -> int:
    for key in sorted(described.class_tensors()):
        if key in tensors and tensors[key].ndim:
            return int(tensors[key].shape[0])
    raise ModelError(f"{path} does not hold the weights of {name}; give a state dict of the same network")
