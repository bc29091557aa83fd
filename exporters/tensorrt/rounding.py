"""Makes a CPU compute a half-precision file as a GPU does, so that it can be proven here.

ONNX Runtime has no float16 products on most CPUs: it widens them, and drops the casts between neighbours. Then
nothing is rounded between layers, and a value beyond 65504, which is infinite on the device, can pass unnoticed
(measured: 1e6 in a float16 tensor between two convolutions stayed 1e6). Here the whole graph is float32, and every
tensor that the file stores in float16 is rounded to it by a pair of casts, which ONNX Runtime keeps. That is a GPU's
arithmetic: float32 sums, float16 results.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from onnx import numpy_helper

from exporters.tensorrt.onnx_nodes import FLOAT, HALF, cast, element_types, replace_nodes

_EXACT = {
    "Concat", "Constant", "DequantizeLinear", "Expand", "Flatten", "Gather", "Identity", "MaxPool", "Max", "Min", "Neg",
    "Pad", "Relu", "Reshape", "Slice", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze",
}  # fmt: skip
"""Operators whose results are values that came in, so there is nothing to round."""


def rounding_model(model: Any) -> Any:
    """Return a float32 copy of a half-precision ``onnx.ModelProto`` that rounds where the file stores float16."""
    model = copy.deepcopy(model)
    types = element_types(model)
    for tensor in model.graph.initializer:
        _widen(tensor)
    nodes: list[Any] = []
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                _widen(attribute.t)
        nodes.append(node)
        is_cast = node.op_type == "Cast"
        if node.op_type in _EXACT:
            continue
        for i, name in enumerate(node.output):
            if types.get(name) != HALF:
                continue
            stored = f"{name}_stored"
            if is_cast:
                node.output[i] = stored
            else:
                node.output[i] = f"{name}_wide"
                nodes.append(cast(node.output[i], stored, HALF))
            nodes.append(cast(stored, name, FLOAT))
    replace_nodes(model.graph, nodes)
    del model.graph.value_info[:]
    return model


def _widen(tensor: Any) -> None:
    if tensor.data_type == HALF:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
