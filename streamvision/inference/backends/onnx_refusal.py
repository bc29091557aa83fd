"""Why ONNX Runtime does not load a file, in a sentence that leads on: its own messages name the line of its source."""

from __future__ import annotations

import re
from pathlib import Path

from streamvision.core.onnx_packages import PLAIN, installed_packages
from streamvision.inference.tensors import last_line

_IR = re.compile(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)")
_OPSET = re.compile(r"Opset (\d+) is under development.*support for domain (\S+) is till opset (\d+)", re.DOTALL)
_PLUGIN = re.compile(r"\b(\w+_TRT)\b")
_OPERATOR = re.compile(
    r"(?:No Op registered for|Could not find an implementation for|Fatal error:) *([\w.:]+)"
    r"|([\w.:]+)\(-?\d+\) is not a registered"
)


def refusal(path: Path, error: Exception) -> str:
    """Return the sentence for a file that ONNX Runtime refused with this error."""
    text = str(error)
    package = next((package.name for package in installed_packages()), PLAIN)
    newer = f"install a newer ONNX Runtime (pip install -U {package}), or export the model"
    if found := _IR.search(text):
        return (
            f"{path} is written in version {found[1]} of the ONNX format, and this ONNX Runtime reads {found[2]}: "
            f"{newer} with an ir_version of {found[2]} or below"
        )
    if found := _OPSET.search(text):
        return (
            f"{path} needs opset {found[1]} of {found[2]}, and this ONNX Runtime knows up to {found[3]}: "
            f"{newer} with --opset {found[3]} or below"
        )
    if found := _PLUGIN.search(text):
        return (
            f"{path} holds the TensorRT plug-in {found[1]}, which ONNX Runtime does not execute: export "
            "the model without it (suppression is done here)"
        )
    if found := _OPERATOR.search(text):
        return (
            f"{path} holds the operator {found[1] or found[2]}, which this ONNX Runtime lacks: {newer} without "
            "operators of other runtimes"
        )
    return f"{path} is not an ONNX model or is damaged ({cause(error)}); export or download it again"


def cause(error: Exception) -> str:
    """Return the message without ONNX Runtime's codes, and the place in its source, in front of it."""
    return re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", last_line(error))
