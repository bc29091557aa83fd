"""StreamVision: cameras and files in; detected, tracked and drawn; live in a browser."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from streamvision.core.version import __version__

# From version 1.29 on, ONNX Runtime tells its makers over the network what is run, and keeps a number of the machine.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from streamvision.api.detect import detect
    from streamvision.api.evaluate import evaluate
    from streamvision.api.explain import explain
    from streamvision.api.find import index_objects
    from streamvision.api.live_show import SeenLive
    from streamvision.api.result import StreamResult
    from streamvision.api.stream import ResultStream, stream
    from streamvision.api.train import TrainingRun, open_run, train
    from streamvision.core.detection import Detection
    from streamvision.core.detections import Detections
    from streamvision.core.errors import StreamVisionError
    from streamvision.core.frame import Frame, Result
    from streamvision.core.stage_output import Note, Outline, StageEvent, StageOutput
    from streamvision.core.stage_view import StageView
    from streamvision.core.user_stage import stage
    from streamvision.inference.model_card import ModelCard
    from streamvision.search.index import ObjectIndex
    from streamvision.search.index_file import load_index, save_index

__all__ = [
    "Detection",
    "Detections",
    "Frame",
    "ModelCard",
    "Note",
    "ObjectIndex",
    "Outline",
    "Result",
    "ResultStream",
    "SeenLive",
    "StageEvent",
    "StageOutput",
    "StageView",
    "StreamResult",
    "StreamVisionError",
    "TrainingRun",
    "__version__",
    "detect",
    "evaluate",
    "explain",
    "index_objects",
    "load_index",
    "open_run",
    "save_index",
    "stage",
    "stream",
    "train",
]

_HOME = {
    "Detection": "streamvision.core.detection",
    "Detections": "streamvision.core.detections",
    "Frame": "streamvision.core.frame",
    "ModelCard": "streamvision.inference.model_card",
    "Note": "streamvision.core.stage_output",
    "ObjectIndex": "streamvision.search.index",
    "Outline": "streamvision.core.stage_output",
    "Result": "streamvision.core.frame",
    "ResultStream": "streamvision.api.stream",
    "SeenLive": "streamvision.api.live_show",
    "StageEvent": "streamvision.core.stage_output",
    "StageOutput": "streamvision.core.stage_output",
    "StageView": "streamvision.core.stage_view",
    "StreamResult": "streamvision.api.result",
    "StreamVisionError": "streamvision.core.errors",
    "TrainingRun": "streamvision.api.train",
    "detect": "streamvision.api.detect",
    "evaluate": "streamvision.api.evaluate",
    "explain": "streamvision.api.explain",
    "index_objects": "streamvision.api.find",
    "load_index": "streamvision.search.index_file",
    "open_run": "streamvision.api.train",
    "save_index": "streamvision.search.index_file",
    "stage": "streamvision.core.user_stage",
    "stream": "streamvision.api.stream",
    "train": "streamvision.api.train",
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
