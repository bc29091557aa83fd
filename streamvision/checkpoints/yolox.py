"""A YOLOX that ``streamvision train`` has trained, as a source of exports.

Output, for head ``yolo_v8``: ``boxes`` (B, 4 + classes, cells) float32, the rows cx, cy, w, h in input pixels and then
a score for each class, objectness times what is likely there. YOLOX' own exports keep the two apart and leave the grid
to the host. This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from streamvision.checkpoints.base import StoredRun, TorchSource, chosen_names
from streamvision.checkpoints.restoring import fresh, how_trained
from streamvision.checkpoints.yolox_network import Yolox, decoded
from streamvision.checkpoints.yolox_scales import SCALES
from streamvision.checkpoints.yolox_weights import class_tensors, load_weights, read_weights
from streamvision.core.errors import ConfigError
from streamvision.inference.coco import COCO_NAMES
from streamvision.inference.model_card import InputCard, ModelCard

PUBLISHED_SIZE_PX = {"yolox_nano": (416, 416), "yolox_tiny": (416, 416)}
"""Size of the input that published weights were made for, where it is not 640x640 px."""
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
    def of_run(cls, run: StoredRun) -> YoloxSource:
        """Open what a ``best.pt`` or ``last.pt`` holds; without a size, in the one that it was trained with.

        Raises:
            ConfigError: when the number of names is not that of the classes.
            ModelError: when the tensors are not those of its architecture.
        """
        names, name = run.chosen_names(), run.architecture
        network = Yolox(SCALES[name], len(names)).eval()
        load_weights(network, run.stored["model"], run.path)
        beginning = how_trained(run.stored)
        return cls(network, path=run.path, name=name, names=names, size_px=run.chosen_size_px(), beginning=beginning)

    @classmethod
    def of_name(
        cls,
        name: str,
        *,
        weights: Path | None,
        seed: int | None,
        names: tuple[str, ...] | None = None,
        size_px: tuple[int, int] | None = None,
        trusted: bool = False,
    ) -> YoloxSource:
        """Open an architecture by its name, with a file of weights or with random ones.

        Raises:
            ConfigError: when not exactly one of ``weights`` and ``seed`` is given, or the number of names is not that
                of the classes.
            ModelError: when the weights cannot be read, or are not those of this architecture.
        """
        if (weights is None) == (seed is None):
            raise ConfigError(
                f"{name} is an architecture: give --weights FILE, or --random-weights SEED for a network that has "
                "learnt nothing, and not both"
            )
        if weights is None:
            torch.manual_seed(seed or 0)
            own, beginning = COCO_NAMES, f"random weights, {seed=}"
            network = Yolox(SCALES[name], len(own))
        else:
            own, beginning = COCO_NAMES, f"weights {weights.name}"
            tensors = read_weights(weights, SCALES[name], trusted=trusted)
            count = len(tensors.get(class_tensors()[0], ()))
            if count != len(own):
                own = tuple(f"class {class_id}" for class_id in range(count))
            network = Yolox(SCALES[name], max(count, 1))
            load_weights(network, tensors, weights)
        return cls(
            network.eval(),
            path=weights or Path(name),
            name=name,
            names=chosen_names(own, names, weights or Path(name)),
            size_px=size_px or PUBLISHED_SIZE_PX.get(name, (640, 640)),
            beginning=beginning,
        )

    def module(self, *, dynamic_size: bool = False) -> nn.Module:
        """Return a fresh module; it takes any size either way."""
        return _AsBoxes(fresh(self._network)).eval()


class _AsBoxes(nn.Module):
    def __init__(self, network: Yolox) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        found = decoded(self.network(pictures), pictures.shape[2], pictures.shape[3])
        scores = found[..., 4:5].sigmoid() * found[..., 5:].sigmoid()
        return (torch.cat([found[..., :4], scores], dim=-1).transpose(1, 2),)
