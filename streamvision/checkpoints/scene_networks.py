"""Networks that give the class of every pixel: ours, torchvision's, and those of segmentation-models-pytorch.

- ``unet`` (:mod:`.unet`);
- torchvision's (BSD-3-Clause), such as ``deeplabv3_mobilenet_v3_large``;
- ``smp/FAMILY@ENCODER``: a network of segmentation-models-pytorch (MIT; https://smp.readthedocs.io), such as
  ``smp/deeplabv3plus@mobilenet_v2``; without an encoder the library's own choice, ``resnet34`` for most.

All begin from random weights or those of a file. Nothing is fetched.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from streamvision.checkpoints.other_classifiers import IMAGENET_MEAN, IMAGENET_STD
from streamvision.checkpoints.torch_runtime import import_torch
from streamvision.core.errors import ConfigError, MissingDependencyError
from streamvision.core.install import install_command

UNET = "unet"
"""Our own network, as recipes and checkpoints call it."""
SMP = "smp/"
"""How the names of segmentation-models-pytorch begin here."""
TORCHVISION = (
    "deeplabv3_mobilenet_v3_large",
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
    "fcn_resnet50",
    "fcn_resnet101",
    "lraspp_mobilenet_v3_large",
)
"""Those of torchvision."""
SMP_STRIDE_PX = 32
TORCHVISION_STRIDE_PX = 8
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class SceneNetwork:
    """How a network for scenes is made and fed."""

    title: str
    """What it is called in a card."""
    create: Callable[[int], Any]
    """From the number of classes to a ``torch.nn.Module`` with random weights, from (N, 3, H, W) to what
    :func:`logits_of` reads."""
    stride_px: int
    """Sides of the input must be multiples of this."""
    mean: Triple | None = IMAGENET_MEAN
    """Mean of each channel of RGB of 0..1, which is subtracted from its input; ``None`` where nothing is."""
    std: Triple | None = IMAGENET_STD
    """Standard deviation of each channel, likewise."""
    encoder: str | None = None
    """Attribute that holds the part nearest to the picture, where files have weights of that part alone."""

    def class_tensors(self) -> set[str]:
        """Return the names of the tensors whose size goes by the number of classes."""
        from streamvision.checkpoints.torchvision_build import without_memory

        few, more = (without_memory(partial(self.create, count)).state_dict() for count in (2, 3))
        return {key for key, tensor in few.items() if tensor.shape != more[key].shape}


def check_size(name: str, size_px: tuple[int, int]) -> None:
    """Refuse pictures of a (width, height) that a network cannot learn from; nothing is computed.

    Raises:
        ConfigError: naming the size and what is wrong with it.
    """
    from streamvision.checkpoints.torchvision_build import without_memory

    torch, (width, height) = import_torch(), size_px
    try:
        without_memory(partial(scene_network(name).create, 2)).train()(torch.empty(2, 3, height, width, device="meta"))
    except (RuntimeError, ValueError) as error:
        if "meta" in str(error):  # it looks at numbers, which are not there; what is wrong will be said in training
            return
        raise ConfigError(
            f"{name} cannot learn from pictures of {width}x{height} px ({str(error).splitlines()[0]}); give a larger "
            "--imgsz, or another network"
        ) from error


def is_scene_network(name: str) -> bool:
    """Say whether a name is one of a network for scenes, without looking whether it is there."""
    return name == UNET or name in TORCHVISION or name.startswith(SMP)


def scene_network(name: str) -> SceneNetwork:
    """Return how a network for scenes is made and fed.

    Raises:
        ConfigError: when segmentation-models-pytorch cannot build it.
        MissingDependencyError: when a library that it needs is not installed.
    """
    import_torch()
    if name.startswith(SMP):
        return _of_smp(name)
    if name == UNET:
        from streamvision.checkpoints.unet import STRIDE_PX, UNet

        return SceneNetwork("U-Net", UNet, STRIDE_PX, mean=None, std=None)
    from streamvision.checkpoints.torchvision_build import create

    def build(classes: int) -> Any:
        return create(name, classes=classes)

    return SceneNetwork(f"torchvision {name}", build, TORCHVISION_STRIDE_PX, encoder="backbone")


def logits_of(found: Any) -> Any:
    """Return the (N, classes, H, W) logits in what a network for scenes returned; torchvision's are in a dict."""
    return found["out"] if isinstance(found, dict) else found


def smp_names() -> list[str]:
    """Return the families of segmentation-models-pytorch.

    Raises:
        MissingDependencyError: when it is not installed.
    """
    return [SMP + family for family in _import_smp().MODEL_ARCHITECTURES_MAPPING]


@lru_cache(maxsize=16)
def _of_smp(name: str) -> SceneNetwork:
    smp, torch = _import_smp(), import_torch()
    family, _, encoder = name.removeprefix(SMP).partition("@")
    families = list(smp.MODEL_ARCHITECTURES_MAPPING)
    if family not in families:
        raise ConfigError(
            f"segmentation-models-pytorch has no family {family!r}; there are {', '.join(families)}, each with an "
            f"encoder, as in smp/unet@mobilenet_v2{_meant(family, families)}"
        )
    chosen = {"encoder_name": encoder} if encoder else {}

    def create(classes: int) -> Any:
        return smp.MODEL_ARCHITECTURES_MAPPING[family](encoder_weights=None, classes=classes, **chosen)

    try:
        with torch.device("meta"):
            network = create(2)
    except Exception as error:  # whatever a family makes of an encoder that it cannot use
        raise ConfigError(
            f"segmentation-models-pytorch cannot build {name}: {' '.join(str(error).split())[:200]}"
            f"{_meant(encoder, smp.encoders.get_encoder_names())}"
        ) from error
    return SceneNetwork(f"segmentation-models-pytorch {network.name}", create, SMP_STRIDE_PX, encoder="encoder")


def _meant(given: str, known: list[str]) -> str:
    near = difflib.get_close_matches(given, known, n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near and given not in known else ""


def _import_smp() -> Any:
    try:
        import segmentation_models_pytorch
    except ImportError as error:
        raise MissingDependencyError(
            f"networks that begin with {SMP} need {error.name or 'segmentation-models-pytorch'}: "
            f"{install_command('smp')}"
        ) from error
    return segmentation_models_pytorch
