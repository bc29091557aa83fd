"""StreamVision: cameras and files in; detected, tracked and drawn; live in a browser."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streamvision.api.result import StreamResult
    from streamvision.api.stream import ResultStream, stream
    from streamvision.detections import Detections
    from streamvision.errors import StreamVisionError
    from streamvision.frame import Frame, Result
    from streamvision.model_card import ModelCard

__version__ = "0.1.0"
__all__ = [
    "Detections",
    "Frame",
    "ModelCard",
    "Result",
    "ResultStream",
    "StreamResult",
    "StreamVisionError",
    "__version__",
    "stream",
]

_HOME = {
    "Detections": "streamvision.detections",
    "Frame": "streamvision.frame",
    "ModelCard": "streamvision.model_card",
    "Result": "streamvision.frame",
    "ResultStream": "streamvision.api.stream",
    "StreamResult": "streamvision.api.result",
    "StreamVisionError": "streamvision.errors",
    "stream": "streamvision.api.stream",
}
"""Module of each name: it is imported where the name is first used, so that ``import streamvision`` is quick."""


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
