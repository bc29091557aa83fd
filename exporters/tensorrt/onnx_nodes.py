"""Small helpers to read and change ONNX graphs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import onnx

FLOAT = onnx.TensorProto.FLOAT
HALF = onnx.TensorProto.FLOAT16


def constants(graph: Any) -> dict[str, Any]:
    """Return the tensors whose values stand in the file, by name: initializers and outputs of Constant nodes."""
    found = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    found[node.output[0]] = attribute.t
    return found


def element_types(model: Any) -> dict[str, int]:
    """Return the element type of every tensor, by name, as ONNX infers them.

    Raises:
        onnx.shape_inference.InferenceError: when the types of the graph contradict each other.
    """
    graph = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=False, data_prop=False).graph
    named = {v.name: v.type.tensor_type.elem_type for v in (*graph.input, *graph.value_info, *graph.output)}
    return named | {name: tensor.data_type for name, tensor in constants(graph).items()}


def replace_nodes(graph: Any, nodes: Iterable[Any]) -> None:
    """Put ``nodes`` in the place of the graph's own."""
    kept = list(nodes)
    del graph.node[:]
    graph.node.extend(kept)


def cast(source: str, target: str, to: int) -> Any:
    """Return a Cast node."""
    return onnx.helper.make_node("Cast", [source], [target], name=f"{source}_as_{target}", to=to)
