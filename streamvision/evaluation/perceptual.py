"""How alike two pictures look to a network: LPIPS, and the difference of any known network's features.

LPIPS follows Zhang, Isola, Efros, Shechtman and Wang ("The Unreasonable Effectiveness of Deep Features as a Perceptual
Metric", CVPR 2018): the package ``lpips`` computes it and has the weights of its last layers, those of AlexNet or
VGG-16 are torchvision's. The difference of features is another figure, of another network, and not LPIPS.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamvision.checkpoints.checkpoint_file import read_tensors
from streamvision.checkpoints.feature_network import FeatureNetwork, feature_difference, open_features
from streamvision.core.errors import ConfigError, MissingDependencyError, ModelError
from streamvision.core.install import install_command
from streamvision.evaluation.images import Distance

U8 = NDArray[np.uint8]
LPIPS_NETWORKS = {"alex": "alexnet", "vgg": "vgg16"}
"""What LPIPS calls the networks that it is known with, and what torchvision calls them and their files."""
_FIRST = "features.0.weight"
_FIRST_SHAPES = {(64, 3, 11, 11): "alex", (64, 3, 3, 3): "vgg"}
_LEAST_PX = {"alex": 32, "vgg": 16}
"""Shorter side from which on all layers see something."""


class FeatureDistance:
    """Difference of what a network finds in two pictures; see :func:`~.feature_network.feature_difference`."""

    def __init__(self, network: FeatureNetwork) -> None:
        self._network = network
        self.name = network.name

    @torch.no_grad()
    def __call__(self, made: U8, truth: U8) -> float:
        """Return it for two (H, W, 3) BGR pictures; 0 where they are equal."""
        found, wanted = (self._network(to_rgb(picture).to(self._network.mean.device)) for picture in (made, truth))
        return float(feature_difference(found, wanted))


class Lpips:
    """LPIPS, version 0.1.

    Args:
        weights: torchvision's of AlexNet or VGG-16 (``alexnet-owt-7be5be79.pth``, ``vgg16-397923af.pth``), or ``alex``
            or ``vgg`` for those that lie in torch's cache.

    Raises:
        ConfigError: when there are no such weights, with where to get them.
        ModelError: when the file is no network of the two.
        MissingDependencyError: when the package ``lpips`` is not installed.
    """

    def __init__(self, weights: str | Path) -> None:
        path = _weights_file(weights)
        tensors = read_tensors(path)
        kind = _FIRST_SHAPES.get(tuple(tensors[_FIRST].shape) if _FIRST in tensors else ())
        if kind is None:
            raise ModelError(f"{path} holds neither AlexNet nor VGG-16; give torchvision's weights of one (.pth)")
        try:
            import lpips
        except ImportError as error:
            raise MissingDependencyError(f"LPIPS needs {error.name or 'lpips'}: {install_command('lpips')}") from error
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks torchvision for random weights in its former words
            self._network = lpips.LPIPS(net=kind, pnet_rand=True, verbose=False)
        _fill(self._network.net, tensors, path)
        self.name, self._kind = LPIPS_NETWORKS[kind], kind

    @torch.no_grad()
    def __call__(self, made: U8, truth: U8) -> float:
        """Return it for two (H, W, 3) BGR pictures; 0 where they are equal.

        Raises:
            ConfigError: when they are too small for the network.
        """
        least_px = _LEAST_PX[self._kind]
        if min(truth.shape[:2]) < least_px:
            raise ConfigError(
                f"a picture is {truth.shape[1]}x{truth.shape[0]} px, and LPIPS needs {least_px}; take it out"
            )
        return float(self._network(to_rgb(made), to_rgb(truth), normalize=True))


def open_distances(
    lpips: str | Path | None = None, features: str | Path | None = None, *, trusted: bool = False
) -> dict[str, Distance]:
    """Return the distances that are asked for, by the names of their figures.

    Args:
        lpips: weights, as :class:`Lpips` takes them.
        features: a network, as :func:`~.feature_network.open_features` takes it.
        trusted: whether a checkpoint may run its author's code.

    Raises:
        ConfigError: when there is no such file, or it is of another kind.
        ModelError: when it cannot be read.
        MissingDependencyError: when the package ``lpips`` is not installed.
    """
    found: dict[str, Distance] = {}
    if lpips is not None:
        found["lpips"] = Lpips(lpips)
    if features is not None:
        found["feature_distance"] = FeatureDistance(open_features(features, trusted=trusted))
    return found


def to_rgb(bgr: U8) -> Tensor:
    """Return (1, 3, H, W) RGB of 0..1 of (H, W, 3) BGR."""
    rgb = np.ascontiguousarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).transpose(2, 0, 1))
    return torch.from_numpy(rgb)[None].float() / 255


def _weights_file(given: str | Path) -> Path:
    """Return a file of weights that is there; by a name, one in torch's cache."""
    known = {kind: f"{name}-*.pth" for kind, name in LPIPS_NETWORKS.items()} | {"alex": "alexnet-owt-*.pth"}
    if str(given) not in known:
        path = Path(given).expanduser()
        if path.is_file():
            return path
        raise ConfigError(f"there are no weights at {path}; {_where_from()}")
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    found = next(iter(sorted(cache.glob(known[str(given)]))), None)
    if found is None:
        raise ConfigError(f"torch's cache {cache} has no weights of {LPIPS_NETWORKS[str(given)]}; {_where_from()}")
    return found


def _where_from() -> str:
    from torchvision import models

    address = models.AlexNet_Weights.DEFAULT.url
    return f"nothing is downloaded unasked: fetch {address} (or VGG-16's) and give the file"


def _fill(network: Any, tensors: dict[str, Tensor], path: Path) -> None:
    """Give the layers before LPIPS' own the weights of a file; their last names are torchvision's numbers."""
    own = {key: f"features.{key.partition('.')[2]}" for key in network.state_dict()}
    try:
        network.load_state_dict({key: tensors[name] for key, name in own.items()})
    except (KeyError, RuntimeError) as error:
        cause = str(error).splitlines()[-1].strip()
        raise ModelError(
            f"{path} does not hold all layers that LPIPS uses ({cause}); give torchvision's file"
        ) from error
