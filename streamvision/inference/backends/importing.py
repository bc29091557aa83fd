"""The packages of runtimes that an extra brings: imported where they are used, their absence as one sentence."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from streamvision.core.errors import MissingDependencyError
from streamvision.core.install import install_command

_NEEDED = {
    "ai_edge_litert.interpreter": (".tflite models need LiteRT", "litert"),
    "ncnn": (".param models need NCNN", "ncnn"),
    "openvino": ("this model or backend needs OpenVINO", "openvino"),
}
"""By module: what needs it, and the extra that brings it."""


def import_runtime(module: str) -> Any:
    """Return a module of :data:`_NEEDED`.

    Raises:
        MissingDependencyError: when it is not installed.
    """
    needed, extra = _NEEDED[module]
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingDependencyError(f"{needed}: {install_command(extra)}") from error
