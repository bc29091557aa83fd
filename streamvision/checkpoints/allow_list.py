"""What the pickle of a checkpoint may ask for, and the stand-ins that are given to it.

A pickle names what is imported and called while it is read, and its author chooses the names. Here is what real
checkpoints of ultralytics need, back to 8.0, as ultralytics' own restricted loading has it, but stricter: classes of
networks may be made, as pickle makes objects, and never called. Their constructors read and fetch files by name.

The stand-ins hold what they are given and do nothing with it, so that a whole checkpoint can be looked at first.
"""

from __future__ import annotations

import importlib
import re
from pickle import UnpicklingError
from typing import Any

from torch import nn

_PACKAGES = ("torch.nn.modules", "ultralytics.nn.modules")
_MODULES = (*_PACKAGES, "ultralytics.nn.tasks")
_LOSSES = ("ultralytics.utils.loss", "ultralytics.utils.tal")
"""Modules whose classes are no networks, but are kept in checkpoints of runs that have not ended."""
_FORMER = {
    "ultralytics.nn.modules.block.Silence",
    "ultralytics.nn.tasks.YOLOv10DetectionModel",
    "ultralytics.utils.loss.v10DetectLoss",
}
"""Names that ultralytics has given up, and still finds where they are asked for."""
_SCALES = {f"numpy.{core}.multiarray.scalar" for core in ("core", "_core")}
_PATHS = {f"{module}.{kind}Path" for module in ("pathlib", "pathlib._local") for kind in ("Posix", "Windows")}
_TRANSFORMS = {
    f"torchvision.transforms.transforms.{name}" for name in ("Compose", "Normalize", "Resize", "CenterCrop", "ToTensor")
}
_ENUM = "torchvision.transforms.functional.InterpolationMode"
_DATA = {
    "argparse.Namespace",
    "ultralytics.utils.IterableSimpleNamespace",
    "ultralytics.yolo.utils.IterableSimpleNamespace",
    *_SCALES,
    *_PATHS,
    *_TRANSFORMS,
    _ENUM,
}
_NUMBERS = re.compile(r"[<>|=]?[fiub]\d{1,2}")
"""Numpy's types of plain numbers; others hold pointers to objects."""
_ACTIVATION = re.compile(r"(torch\.)?nn\.\w+\([\w\s.,=+-]*\)")


class Held:
    """What a checkpoint says of one object: its attributes."""

    def __setstate__(self, state: Any) -> None:
        """Keep the attributes."""
        if isinstance(state, dict):
            self.__dict__.update(state)


class HeldPart(Held):
    """A part of a network."""

    def __init__(self, *_given: Any, **_named: Any) -> None:
        raise UnpicklingError(f"{type(self).__name__} is called, where it may only be restored")


class HeldData(Held):
    """An object that is data alone."""

    def __init__(self, *_given: Any, **_named: Any) -> None:
        """Take what its class takes."""


class HeldNumberType(HeldData):
    """One of numpy's types."""

    def __init__(self, name: str, *_flags: Any) -> None:
        if not _NUMBERS.fullmatch(name):
            raise UnpicklingError(f"numpy's type {name!r} is not one of plain numbers")


def stand_in(name: str) -> Any | None:
    """Return what a pickle gets for a name such as ``torch.nn.modules.conv.Conv2d``; ``None`` where it is refused."""
    if name == "builtins.getattr":
        return _attribute
    if name == "numpy.dtype":
        return HeldNumberType
    short = name.rpartition(".")[2]
    if name in _DATA:
        return type(short, (HeldData,), {"enum": name == _ENUM})
    return type(short, (HeldPart,), {}) if name in _FORMER or _is_part(name) else None


def refuse_architecture(yaml: Any) -> None:
    """Refuse an architecture that names other things than layers, as ultralytics builds whatever it names.

    Args:
        yaml: what an architecture's file says, or the ``yaml`` of a checkpoint.

    Raises:
        ValueError: naming what is no layer.
    """
    if not isinstance(yaml, dict):
        raise ValueError("it is not a mapping")
    activation = yaml.get("activation")
    if activation is not None and not (isinstance(activation, str) and _ACTIVATION.fullmatch(activation.strip())):
        raise ValueError(f"activation: {str(activation)[:60]!r} is not one of torch's, such as nn.ReLU()")
    for layer in (*(yaml.get("backbone") or ()), *(yaml.get("head") or ())):
        name = layer[2] if isinstance(layer, (list, tuple)) and len(layer) > 2 else layer
        if not (isinstance(name, str) and _is_layer(name)):
            raise ValueError(f"{str(name)[:60]!r} is not a layer")


def _is_layer(name: str) -> bool:
    if name.startswith("nn."):
        return _is_part(f"torch.nn.modules.{name[3:]}")
    if name.startswith("torchvision.ops."):
        module = importlib.import_module("torchvision.ops")
        found = getattr(module, name.rpartition(".")[2], None)
        return isinstance(found, type) and issubclass(found, nn.Module)
    return _is_part(f"ultralytics.nn.modules.{name}")


def _is_part(name: str) -> bool:
    module, _, short = name.rpartition(".")
    if not (module in (*_MODULES, *_LOSSES) or module.rpartition(".")[0] in _PACKAGES):
        return False
    try:
        found = getattr(importlib.import_module(module), short, None)
    except ImportError:
        return False
    if not isinstance(found, type):
        return False
    return found.__module__ == module if module in _LOSSES else issubclass(found, nn.Module)


def _attribute(owner: Any, name: str) -> HeldData:
    """Stand in for ``getattr``, by which pickles keep methods of networks and members of enumerations."""
    of_part = isinstance(owner, HeldPart) or (isinstance(owner, type) and issubclass(owner, HeldPart))
    of_enum = isinstance(owner, type) and issubclass(owner, HeldData) and getattr(owner, "enum", False)
    if isinstance(name, str) and ((of_part and name.startswith("forward")) or (of_enum and name.isupper())):
        return HeldData()
    raise UnpicklingError(f"attribute {str(name)[:60]!r} is asked for")
