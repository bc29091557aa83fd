"""All targets by format, imported when they are asked for. A new target is one new file, its test and its line here."""

from __future__ import annotations

from importlib import import_module
from typing import cast, get_args

from exporters.base import Format, Target
from streamvision.core.errors import ConfigError

TARGETS: dict[Format, str] = {
    "onnx": "exporters.targets.onnx:OnnxTarget",
    "openvino": "exporters.targets.openvino:OpenVinoTarget",
    "tflite": "exporters.targets.tflite:TfliteTarget",
    "coreml": "exporters.targets.coreml:CoreMlTarget",
    "tensorrt": "exporters.targets.tensorrt:TensorRtTarget",
}
"""By format, the module and the class in it, which is created without arguments."""


def create_target(format: str) -> Target:
    """Return the target of a format.

    Raises:
        ConfigError: when there is no such format.
        MissingDependencyError: when what makes it is not installed.
    """
    if format not in TARGETS:
        raise ConfigError(f"{format!r} is no format to export to; formats are {', '.join(get_args(Format))}")
    module, _, name = TARGETS[format].partition(":")
    return cast(Target, getattr(import_module(module), name)())
