"""The models that ship with the package, each with its card and its licence beside it."""

from __future__ import annotations

from pathlib import Path

from streamvision.errors import ModelError

DEFAULT_MODEL = "road_signs.onnx"


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
