"""Operator sets of ONNX files, raised where something needs what older ones do not have."""

from __future__ import annotations

from typing import Any

from streamvision.core.errors import ExportError
from streamvision.inference.tensors import last_line

LEAST_OPSET = 13
"""From here on DequantizeLinear takes one scale a channel."""


def with_scales_by_channel(model: Any) -> Any:
    """Return an ``onnx.ModelProto`` in an operator set that has one scale a channel; see :func:`raised`."""
    return raised(model, LEAST_OPSET, asked="INT8")


def raised(model: Any, least: int, *, asked: str) -> Any:
    """Return an ``onnx.ModelProto`` in an operator set of at least ``least``; itself where it is in one.

    Args:
        model: the model.
        least: the number of the operator set.
        asked: what needs it, for the message.

    Raises:
        ExportError: when the file's is older and cannot be raised.
    """
    import onnx.version_converter

    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
    if opset >= least:
        return model
    try:
        return onnx.version_converter.convert_version(model, least)
    except RuntimeError as error:
        raise ExportError(
            f"{asked} needs ONNX's operator set {least}, and this file's {opset} cannot be raised to it "
            f"({last_line(error)}); export the model again with a newer one"
        ) from error
