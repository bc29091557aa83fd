"""Where a model is: a file, or a model on a server, which has an address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, InstanceOf, PlainSerializer

from streamvision.core.addresses import SCHEME, split_user_info
from streamvision.core.redaction import redact_source

_FROM_PATH = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+):/(?!/)", re.IGNORECASE)
"""How the beginning of an address reads once a path was made of it; one letter is a drive of Windows."""


@dataclass(frozen=True, repr=False)
class ModelAddress:
    """Address of a model on a server, such as ``kserve://gpu-box:8000/yolo``; as text it shows no secret."""

    address: str
    """As it was given, secrets included."""

    @property
    def scheme(self) -> str:
        """What it begins with, before ``://``, in small letters."""
        return self.address.partition("://")[0].lower()

    @property
    def rest(self) -> str:
        """What follows ``://``, secrets included."""
        return self.address.partition("://")[2]

    @property
    def name(self) -> str:
        """Its path, which is what it is called on the server; without one, the host."""
        bare = re.split(r"[?#]", split_user_info(self.rest).rest, maxsplit=1)[0]
        host, _, path = bare.strip("/").partition("/")
        return path or host

    def __str__(self) -> str:
        return redact_source(self.address)

    def __repr__(self) -> str:
        return f"ModelAddress({str(self)!r})"


ModelLocation = Path | ModelAddress
"""Where a model is; both kinds have a ``name``, and as text both may be shown."""


NO_NETWORK = "none"
"""The model setting of those who want no network: steps of OpenCV find the objects."""


def is_without_network(location: ModelLocation) -> bool:
    """Say whether a model setting asks for no network.

    >>> is_without_network(model_location("none")), is_without_network(model_location("models/none"))
    (True, False)
    """
    return isinstance(location, Path) and str(location) == NO_NETWORK


def model_location(given: str | Path | ModelAddress) -> ModelLocation:
    """Return what a model setting is: an address where it begins with a scheme and ``://``, else a path.

    >>> model_location("kserve://user:secret@gpu-box/yolo")
    ModelAddress('kserve://***@gpu-box/yolo')
    >>> model_location("models/yolo.onnx").name
    'yolo.onnx'
    """
    if isinstance(given, ModelAddress):
        return given
    if isinstance(given, Path):
        return ModelAddress(_FROM_PATH.sub(r"\g<scheme>://", given.as_posix(), 1)) if is_address(given) else given
    return ModelAddress(given.strip()) if is_address(given) else Path(given)


def is_address(given: str | Path | ModelAddress) -> bool:
    """Say whether a model setting is an address and not a file; also one that a path has been made of."""
    if isinstance(given, Path):
        return _FROM_PATH.match(given.as_posix()) is not None
    return isinstance(given, ModelAddress) or SCHEME.match(given.strip()) is not None


def written(location: ModelLocation) -> str:
    """Return the setting that leads there, with the secrets of an address."""
    return location.address if isinstance(location, ModelAddress) else str(location)


def _parsed(given: object) -> object:
    return model_location(given) if isinstance(given, (str, Path, ModelAddress)) else given


ModelSetting = Annotated[
    Path | InstanceOf[ModelAddress],
    BeforeValidator(_parsed),
    PlainSerializer(written, return_type=str, when_used="json"),
]
"""A model in the configuration."""


def files_of(model: Path) -> list[Path]:
    """Return a model's file and that with its weights beside it, where its format has one and it is there."""
    weights = model.with_suffix(".bin")
    return [model, weights] if model.suffix.lower() in (".xml", ".param") and weights.is_file() else [model]
