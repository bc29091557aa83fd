"""Half-precision ONNX files for strongly typed networks: learned layers in float16, the arithmetic behind in float32.

TensorRT 11 builds what the types in the file say, and so does TensorRT 10 with strongly typed networks; there is no
flag that lowers them later. Input and outputs stay float32: the casts are in the file.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from exporters.onnx.graph import (
    FLOAT,
    HALF,
    cast,
    constants,
    drop_unused,
    element_types,
    find_regions,
    fold_constants,
    replace_nodes,
)
from streamvision.core.errors import ExportError

_FLOAT_INPUTS = {"Resize": (1, 2)}
"""Inputs that stay float32 whatever the operator computes in, by operator."""

_FLOAT_OPERATORS = ("NonMaxSuppression", "RoiAlign", "GridSample", "Range")
"""Operators that only take float32, or that reckon with pixels."""

_HALF_MAX = float(np.finfo(np.float16).max)


def to_half(model: Any) -> Any:
    """Return a copy of an ``onnx.ModelProto`` that computes its learned layers in float16.

    Raises:
        ExportError: when it cannot be done: control flow inside, or weights beyond half precision's range.
    """
    if any(a.HasField("g") or a.graphs for node in model.graph.node for a in node.attribute):
        raise ExportError(
            "a model with control flow (If, Loop) inside cannot be converted to fp16; export it in fp32, or without it"
        )
    model = fold_constants(model)
    _Halving(model).convert()
    return model


class _Halving:
    """One conversion: decides per node, and casts every tensor that crosses the border once."""

    def __init__(self, model: Any) -> None:
        self._graph = model.graph
        self._types = element_types(model)
        self._constants = constants(model.graph)
        tail = find_regions(model.graph).tail
        self._half_nodes = {
            position
            for position, node in enumerate(model.graph.node)
            if position not in tail and node.op_type not in _FLOAT_OPERATORS
        }
        self._is_half: set[str] = set()
        self._nodes: list[Any] = []
        self._made: dict[tuple[str, int], str] = {}

    def convert(self) -> None:
        nodes = list(self._graph.node)
        outputs = {value.name for value in self._graph.output}
        for position, node in enumerate(nodes):
            if node.op_type == "Constant":
                self._nodes.append(node)
            else:
                self._convert_node(node, half=position in self._half_nodes, outputs=outputs)
        replace_nodes(self._graph, self._nodes)
        drop_unused(self._graph)
        del self._graph.value_info[:]

    def _convert_node(self, node: Any, *, half: bool, outputs: set[str]) -> None:
        floats = _FLOAT_INPUTS.get(node.op_type, ())
        for i, name in enumerate(node.input):
            if name and self._types.get(name) == FLOAT:
                node.input[i] = self._as(name, HALF if half and i not in floats else FLOAT)
        self._nodes.append(node)
        if not half:
            return
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == FLOAT:
                attribute.i = HALF
            elif node.op_type == "ConstantOfShape" and attribute.name == "value" and attribute.t.data_type == FLOAT:
                attribute.t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(attribute.t).astype(np.float16)))
        for i, name in enumerate(node.output):
            if self._types.get(name) != FLOAT:
                continue
            if name in outputs:
                node.output[i] = f"{name}_half"
                self._nodes.append(cast(node.output[i], name, FLOAT))
            else:
                self._is_half.add(name)

    def _as(self, name: str, wanted: int) -> str:
        """Return the name under which a float tensor is to be had in the wanted type, casting it where it must be."""
        if (wanted == HALF) == (name in self._is_half):
            return name
        key = (name, wanted)
        if key not in self._made:
            made = f"{name}_{'half' if wanted == HALF else 'float'}"
            if name in self._constants:
                self._graph.initializer.append(_half_tensor(self._constants[name], name=made))
            else:
                self._nodes.append(cast(name, made, wanted))
            self._made[key] = made
        return self._made[key]


def _half_tensor(tensor: Any, *, name: str) -> onnx.TensorProto:
    values = numpy_helper.to_array(tensor)
    finite = values[np.isfinite(values)]
    if finite.size and float(np.abs(finite).max()) > _HALF_MAX:
        raise ExportError(
            f"the constant {tensor.name or name} reaches {float(np.abs(finite).max()):.4g}, beyond fp16's range of "
            f"{_HALF_MAX:.0f}; export the model in fp32"
        )
    return numpy_helper.from_array(values.astype(np.float16), name)


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
