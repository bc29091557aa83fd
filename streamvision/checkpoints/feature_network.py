"""Networks that do not learn here, and by whose features pictures are compared: for losses and for figures.

Two pictures are alike where what a trained network finds in them is alike, though no pixel may be (Johnson, Alahi and
Li, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", ECCV 2016). Differences are shares of what
the other picture has, so that networks whose features are of any strength can be used alike.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from streamvision.checkpoints.checkpoint_file import read_tensors
from streamvision.checkpoints.run_facts import check_tensors
from streamvision.checkpoints.yolox_network import Yolox
from streamvision.checkpoints.yolox_scales import SCALES
from streamvision.checkpoints.yolox_weights import STEM, load_weights, read_weights, scale_of
from streamvision.core.errors import ConfigError, ModelError
from streamvision.models import FREE_MODEL, model_file

STAGES = 4
"""How many sets of features a network gives, the finest first."""
LEAST_PX = 8
"""Shorter side of a picture from which on every stage of every network finds something."""
_BACKBONE = "backbone.backbone."
_VGG = ("vgg16", "vgg19", "vgg13", "vgg11")
_VGG_FIRST = "features.0.weight"
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_ACCEPTED = (
    "a YOLOX (.onnx, .pth, or the best.pt of a run), or torchvision's weights of vgg16, vgg19, vgg13 or vgg11 (.pth)"
)


class FeatureNetwork(nn.Module):
    """From (N, 3, H, W) RGB of 0..1 to what each of its stages finds; its weights never change.

    Args:
        stages: modules, each of which takes what the one before it gives.
        name: what the network is called, for people.
        mean: of each colour, taken off before the first stage.
        std: of each colour, by which it is divided.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        stages: Sequence[nn.Module],
        *,
        name: str,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
    ) -> None:
        super().__init__()
        self.name = name
        self.stages = nn.ModuleList(stages)
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> FeatureNetwork:
        """Stay as it is: statistics of batches would change what it finds."""
        super().train(False)
        return self

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Return (N, C, h, w) for each stage, the finest first."""
        seen, found = (pictures - self.mean) / self.std, []
        for stage in self.stages:
            seen = stage(seen)
            found.append(seen)
        return found


def open_features(given: str | Path | None = None, *, trusted: bool = False) -> FeatureNetwork:
    """Open a network by whose features pictures are compared.

    Args:
        given: its file, or the name of a model that ships; ``None`` for ``road_signs_yolox``, whose weights are under
            Apache-2.0.
        trusted: whether a checkpoint may run its author's code.

    Raises:
        ConfigError: when there is no such file, or it is of another kind.
        ModelError: when it cannot be read, or this installation lacks the model.
    """
    network, path = _opened(given, trusted=trusted)
    check_tensors(network.state_dict(), path)
    return network


def _opened(given: str | Path | None, *, trusted: bool) -> tuple[FeatureNetwork, Path]:
    path = model_file(FREE_MODEL if given is None else str(given))
    if not isinstance(path, Path) or not path.is_file():
        raise ConfigError(f"there is no network at {path} for features, and nothing is downloaded unasked: {_ACCEPTED}")
    if path.suffix.lower() == ".onnx":
        return _of_yolox(path, trusted=trusted), path
    tensors = read_tensors(path, trusted=trusted)
    if STEM in tensors:
        return _of_yolox(path, trusted=trusted), path
    if _VGG_FIRST in tensors:
        return _of_vgg(tensors, path), path
    raise ConfigError(f"{path} is no network whose features are known here; give {_ACCEPTED}")


def feature_difference(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Return how far features are from those of other pictures: 0 where they are equal, near 1 where nothing is alike.

    The squared difference as a share of what the other pictures' features have, the mean over the stages.

    Args:
        found: (N, C, h, w) of each stage.
        wanted: the same of the other pictures.
    """
    shares = [_share(one, other) for one, other in zip(found, wanted, strict=True)]
    return torch.stack(shares).mean()


def gram(features: Tensor) -> Tensor:
    """Return (N, C, C) which features are found together, wherever that is (Gatys, Ecker and Bethge, CVPR 2016).

    Args:
        features: (N, C, h, w) of one stage.
    """
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def style_difference(found: Sequence[Tensor], style: Sequence[Tensor]) -> Tensor:
    """Return how far the style of pictures is from another: 0 where it is the same.

    Args:
        found: (N, C, h, w) features of each stage.
        style: (1, C, C) what :func:`gram` makes of the style's features, for each stage.
    """
    shares = [_share(gram(one), wanted.expand(len(one), -1, -1)) for one, wanted in zip(found, style, strict=True)]
    return torch.stack(shares).mean()


def _share(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).square().mean() / other.square().mean().clamp(min=1e-12)


def _of_yolox(path: Path, *, trusted: bool) -> FeatureNetwork:
    name = scale_of(path, trusted=trusted)
    network = Yolox(SCALES[name], classes=1)
    tensors = read_weights(path, SCALES[name], trusted=trusted)
    backbone = {key: tensor for key, tensor in tensors.items() if key.startswith(_BACKBONE)}
    unused = {key: tensor for key, tensor in network.state_dict().items() if not key.startswith(_BACKBONE)}
    load_weights(network, {**unused, **backbone}, path)
    seen: Any = network.backbone.backbone
    return FeatureNetwork([seen.stem, seen.dark2, seen.dark3, seen.dark4], name=f"{path.stem} ({name})")


def _of_vgg(tensors: Mapping[str, Any], path: Path) -> FeatureNetwork:
    from torchvision import models

    # Copied, as tensors that are read lie in the file itself, which others may write anew.
    stored = {
        key.removeprefix("features."): one.float().clone()
        for key, one in tensors.items()
        if key.startswith("features.")
    }
    shapes = {key: one.shape for key, one in stored.items()}
    for name in _VGG:
        with torch.device("meta"):  # its last layers, which are not used, have most of its weights
            layers = getattr(models, name)(weights=None).features
        if {key: one.shape for key, one in layers.state_dict().items()} == shapes:
            layers.load_state_dict(stored, assign=True)
            return FeatureNetwork(_between_pools(layers), name=name, mean=_IMAGENET_MEAN, std=_IMAGENET_STD)
    raise ModelError(f"{path} does not hold the features of {', '.join(_VGG)}; give {_ACCEPTED}")


def _between_pools(layers: nn.Sequential) -> list[nn.Module]:
    """Return the layers as stages, each of which ends before the next pooling, as in Johnson et al."""
    stages: list[list[nn.Module]] = [[]]
    for layer in layers:
        if isinstance(layer, nn.MaxPool2d):
            stages.append([])
        stages[-1].append(layer)
    return [nn.Sequential(*stage) for stage in stages[:STAGES]]
