"""Classifiers that are not torchvision's: small ones of our own, timm's, and the user's.

- ``lenet``, ``small_xception`` and ``pilotnet`` (:mod:`.small_classifiers`);
- ``timm/NAME``: a network of timm (Apache-2.0; https://huggingface.co/docs/timm), from random weights or those of a
  file. Nothing is fetched;
- ``module:function`` or ``file.py:function``: code of the user, called with the number of classes. It returns a
  ``torch.nn.Module`` from (N, 3, S, S) float32, normalised as ImageNet's pictures are, to (N, classes) logits.
"""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from streamvision.checkpoints.torch_runtime import import_torch
from streamvision.core.errors import ConfigError, MissingDependencyError
from streamvision.core.install import install_command
from streamvision.core.user_code import find_code

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pictures, red, green and blue, of 0..1."""
SMALL = ("lenet", "small_xception", "pilotnet")
TIMM = "timm/"
"""How timm's names begin here."""
IMAGENET_CLASSES = 1000


@dataclass(frozen=True)
class OtherClassifier:
    """How a classifier is made and fed."""

    create: Callable[[int, int], Any]
    """From the number of classes and the side of the squares in px to a ``torch.nn.Module`` with random weights."""
    side_px: int = 224
    """Side of the squares that it is usually given."""
    classes: int = 10
    """How many classes it has where nothing says it."""
    mean: tuple[float, float, float] = IMAGENET_MEAN
    """Mean of each channel, which is subtracted from its input."""
    std: tuple[float, float, float] = IMAGENET_STD
    """Standard deviation of each channel."""
    crop_share: float = 1.0
    """Share of a picture's shorter side that its published weights see."""
    bicubic: bool = False
    """Whether pictures are resized bicubically for them."""


def is_user_code(name: str) -> bool:
    """Say whether a model's name is ``module:function``, which is the user's own code."""
    return re.fullmatch(r"[^:]+:[^\W\d][\w.]*", name) is not None


def is_other_classifier(name: str) -> bool:
    """Say whether a name is one of ours, timm's or the user's, without looking whether it is there."""
    return name in SMALL or name.startswith(TIMM) or is_user_code(name)


def other_classifier(name: str) -> OtherClassifier | None:
    """Return how a classifier is made and fed; ``None`` for names of torchvision.

    Raises:
        ConfigError: when timm has no such network, or there is no such code.
        MissingDependencyError: when timm is not installed.
    """
    if not is_other_classifier(name):
        return None
    import_torch()
    from streamvision.checkpoints.small_classifiers import LeNet, PilotNet, SmallXception

    if name == "lenet":
        return OtherClassifier(LeNet, side_px=32)
    if name == "pilotnet":
        return OtherClassifier(PilotNet, side_px=96)
    if name == "small_xception":
        return OtherClassifier(lambda classes, _: SmallXception(classes), side_px=64)
    return _of_timm(name) if name.startswith(TIMM) else _of_user(name)


def timm_names() -> list[str]:
    """Return the names of timm's networks, those that it gave up included.

    Raises:
        MissingDependencyError: when timm is not installed.
    """
    timm = _import_timm()
    return [TIMM + name for name in (*timm.list_models(), *timm.models.get_deprecated_models())]


@lru_cache(maxsize=16)
def _of_timm(name: str) -> OtherClassifier:
    timm, torch = _import_timm(), import_torch()
    own = name.removeprefix(TIMM)
    if not timm.is_model(own):
        near = difflib.get_close_matches(own, timm.list_models(), n=2, cutoff=0.6)
        hint = f"did you mean {' or '.join(TIMM + one for one in near)}?" if near else "timm.list_models() lists them"
        raise ConfigError(f"timm has no network {own!r}: {hint}")

    def make(classes: int, **sizes: int) -> Any:
        with warnings.catch_warnings():  # of former names, which are as good
            warnings.simplefilter("ignore")
            return timm.create_model(own, pretrained=False, num_classes=classes, **sizes)

    def create(classes: int, side_px: int) -> Any:
        if not known.get("fixed_input_size"):
            return make(classes)
        network = make(classes, img_size=side_px)
        network.image_size = side_px
        return network

    try:
        with torch.device("meta"):
            known = make(2).default_cfg
    except RuntimeError as error:  # of weights that are not known
        raise ConfigError(f"timm has no network {own!r}: {error}") from error
    return OtherClassifier(
        create,
        side_px=int(known["input_size"][1]),
        classes=int(known.get("num_classes") or IMAGENET_CLASSES),
        mean=tuple(known["mean"]),
        std=tuple(known["std"]),
        crop_share=float(known["crop_pct"]),
        bicubic=known["interpolation"] == "bicubic",
    )


def _import_timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise MissingDependencyError(
            f"networks of timm need {error.name or 'timm'}: {install_command('timm')}"
        ) from error
    return timm


def _of_user(name: str) -> OtherClassifier:
    build = find_code(name, kind="model")

    def create(classes: int, _side_px: int) -> Any:
        torch = import_torch()
        try:
            network = build(classes)
        except Exception as error:
            raise ConfigError(
                f"model {name!r} failed when it was called with {classes} classes: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(network, torch.nn.Module):
            raise ConfigError(f"model {name!r} returned {type(network).__name__}; return a torch.nn.Module")
        return network

    return OtherClassifier(create)
