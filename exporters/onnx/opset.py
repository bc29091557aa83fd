"""Operator sets of ONNX files, raised where quantisation needs what older ones do not have."""

from __future__ import annotations

from typing import Any

from streamvision.core.errors import ExportError
from streamvision.inference.tensors import last_line

LEAST_OPSET = 13
"""From here on DequantizeLinear takes one scale a channel."""


def with_scales_by_channel(model: Any) -> Any:
    """Return an ``onnx.ModelProto`` in an operator set that has one scale a channel.

    Raises:
        ExportError: when the file's is older and cannot be raised.
    """
    import onnx.version_converter

    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
    if opset >= LEAST_OPSET:
        return model
    try:
        return onnx.version_converter.convert_version(model, LEAST_OPSET)
    except RuntimeError as error:
        raise ExportError(
            f"INT8 needs ONNX's operator set {LEAST_OPSET}, and this file's {opset} cannot be raised to it "
            f"({last_line(error)}); export the model again with a newer one"
        ) from error
