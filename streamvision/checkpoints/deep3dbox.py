"""A small network that sees the crop of an object and says how it stands in space, and its checkpoints.

After Mousavian, Anguelov, Flynn and Kosecka, "3D Bounding Box Estimation Using Deep Learning and Geometry" (CVPR 2017):
the size as a deviation from the mean of the object's class, and the yaw against the ray by MultiBin, a choice among
bins and an angle within each. The class is told by the network itself, whose certainty blends the means. Where the
paper solves for the place that lets the cuboid touch all four sides of the box, the distance is learnt here, as the
logarithm of its ratio to that of a plate which fills the box's height, with the spread that is to be expected (Kendall
and Gal, NeurIPS 2017), and so is where the middle is seen: boxes are cut by the picture's edge and by what stands
before.

Output, for head ``cuboid``: ``cuboid`` (B, 13) float32: length, width and height in metres; the logits of the two bins;
cosine and sine within each; the logarithm of the distance's ratio; the middle's place, right and down, in shares of the
box; the logarithm of the spread. This file imports torch; see
:func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from streamvision.checkpoints.base import StoredRun, TorchSource
from streamvision.checkpoints.restoring import AsTuple, filled, fresh, how_trained
from streamvision.core.errors import ModelError
from streamvision.inference.heads.cuboid import BINS, COLUMNS
from streamvision.inference.model_card import InputCard, ModelCard

ARCHITECTURE = "deep3dbox"
"""What recipes and checkpoints of training call it."""
SIDE_PX = 64
"""Side of the squares that it sees, unless a recipe says otherwise."""
STRIDE_PX = 16
"""The side must be a multiple of this."""
CHANNELS = (24, 48, 96, 128)
FEATURES = 192


class Deep3dBox(nn.Module):
    """(N, 3, S, S) RGB crops of 0..1 to (N, 13); half a million parameters for squares of 64 pixels.

    Args:
        mean_lwh_m: mean size of the objects of each class that it learns from.
        side_px: side of the squares.
    """

    mean_log_m: Tensor

    def __init__(self, mean_lwh_m: Sequence[Sequence[float]], *, side_px: int = SIDE_PX) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_block(*pair) for pair in zip((3, *CHANNELS[:-1]), CHANNELS, strict=True))
        grid = side_px // STRIDE_PX
        self.features = nn.Linear(CHANNELS[-1] * grid * grid, FEATURES)
        self.dropout = nn.Dropout(0.2)
        self.last = nn.Linear(FEATURES, COLUMNS + len(mean_lwh_m))
        self.register_buffer("mean_log_m", torch.tensor(mean_lwh_m, dtype=torch.float32).log())

    def forward(self, crops: Tensor) -> Tensor:
        """Return what the crops show, a row each."""
        return self.cuboids(self.raw(crops))

    def raw(self, crops: Tensor) -> Tensor:
        """Return (N, 13 + classes): what :meth:`cuboids` reads, the logits of the classes last."""
        for block in self.blocks:
            crops = block(crops)
        raw: Tensor = self.last(self.dropout(functional.relu(self.features(torch.flatten(crops, 1)))))
        return raw

    def cuboids(self, raw: Tensor) -> Tensor:
        """Return (N, 13) what :meth:`raw` stands for."""
        mean_log_m = functional.softmax(raw[:, COLUMNS:], dim=1) @ self.mean_log_m
        size_m = torch.exp(raw[:, :3] + mean_log_m)
        first = 3 + BINS
        turns = []
        for number in range(BINS):
            pair = raw[:, first + 2 * number : first + 2 * number + 2]
            turns.append(pair / torch.sqrt((pair * pair).sum(dim=1, keepdim=True) + 1e-6))
        return torch.cat([size_m, raw[:, 3:first], *turns, raw[:, first + 2 * BINS : COLUMNS]], dim=1)


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Deep3dBoxSource(TorchSource):
    """A trained network, as ``streamvision train --model deep3dbox`` leaves it.

    Args:
        network: the network.
        path: where its weights are from.
        names: classes of the objects that it learnt from.
        side_px: side of the crops.
        beginning: where its weights are from, in words.
    """

    def __init__(self, network: Deep3dBox, *, path: Path, names: tuple[str, ...], side_px: int, beginning: str) -> None:
        self._network = network
        size = InputCard(width_px=side_px, height_px=side_px, stride_px=STRIDE_PX)
        card = ModelCard(task="cuboid", head="cuboid", names=names, input=size, source=f"Deep3DBox, {beginning}")
        super().__init__(path=path, card=card, output_names=("cuboid",), size_px=None)

    @classmethod
    def of_run(cls, run: StoredRun) -> Deep3dBoxSource:
        """Open what a ``best.pt`` or ``last.pt`` holds.

        Raises:
            ConfigError: when the number of names is not that of the classes.
            ModelError: when the tensors are not this network's, or another size is asked for.
        """
        stored, side_px = run.stored, int(run.stored["imgsz"])
        if run.size_px not in (None, (side_px, side_px)):
            raise ModelError(f"{run.path} sees squares of {side_px} px and no others; leave the size out")
        network = Deep3dBox([(1.0, 1.0, 1.0)] * len(stored["names"]), side_px=side_px)
        network = filled(network, stored["model"], run.path, title=ARCHITECTURE)
        beginning = how_trained(stored)
        return cls(network, path=run.path, names=run.chosen_names(), side_px=side_px, beginning=beginning)

    def module(self, *, dynamic_size: bool = False) -> nn.Module:
        """Return a fresh module; its size is fixed."""
        return AsTuple(fresh(self._network)).eval()
