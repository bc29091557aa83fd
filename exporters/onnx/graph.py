"""Reads and changes ONNX graphs, and tells their learned layers from the arithmetic behind them.

Reduced precision belongs to the learned layers. What comes behind the last of them, such as turning distances into
pixels, is cheap and needs all digits: half precision steps by 0.5 px from 512 px on.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

import onnx
from onnx import numpy_helper

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


def drop_unused(graph: Any) -> None:
    """Remove the constants that nothing reads."""
    used = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    replace_nodes(graph, [node for node in graph.node if node.op_type != "Constant" or node.output[0] in used])
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def cast(source: str, target: str, to: int) -> Any:
    """Return a Cast node."""
    return onnx.helper.make_node("Cast", [source], [target], name=f"{source}_as_{target}", to=to)


def fold_constants(model: Any) -> Any:
    """Return a copy in which what follows from constants alone is computed once and stored.

    Files that are stored in few bytes unpack their weights so, and a layer's weights are only found where they stand.
    """
    import onnxruntime

    model = copy.deepcopy(model)
    known = set(constants(model.graph))
    folded: dict[int, Any] = {}
    for position, node in enumerate(model.graph.node):
        inputs = [name for name in node.input if name]
        if inputs and known.issuperset(inputs) and node.op_type != "DequantizeLinear":
            folded[position] = node
            known.update(node.output)
    if not folded:
        return model
    kept = [node for position, node in enumerate(model.graph.node) if position not in folded]
    made = {name for node in folded.values() for name in node.output}
    wanted = sorted({name for node in kept for name in node.input} & made)
    part = copy.deepcopy(model)
    del part.graph.input[:], part.graph.output[:], part.graph.value_info[:]
    replace_nodes(part.graph, [n for n in model.graph.node if n.op_type == "Constant"] + [*folded.values()])
    types = element_types(model)
    part.graph.output.extend(onnx.helper.make_tensor_value_info(name, types[name], None) for name in wanted)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(part.SerializeToString(), options, providers=["CPUExecutionProvider"])
    values = session.run(wanted, {})
    replace_nodes(model.graph, kept)
    model.graph.initializer.extend(numpy_helper.from_array(v, name) for name, v in zip(wanted, values, strict=True))
    return model


WEIGHTED = {"Conv": 1, "ConvTranspose": 1, "Gemm": 1, "MatMul": 1}
"""Operators with learned weights, and the position of the weights among their inputs."""

_LEAST_WEIGHTS = 32
"""A product with less is arithmetic, such as YOLO's expectation over 16 distances, and no learned layer."""


@dataclass(frozen=True)
class Regions:
    """The nodes of a graph by what they do, as positions in ``graph.node``."""

    learned: tuple[int, ...]
    """Products with learned weights."""
    learned_below: tuple[int, ...]
    """By node, how many learned layers lie on the longest way from it to an output, itself not counted."""
    depth: tuple[int, ...]
    """By node, how many learned layers lie on the longest way from the input to it, itself counted."""
    first: frozenset[int]
    """The learned layers with no other before them: they see the picture itself."""

    @property
    def tail(self) -> frozenset[int]:
        """The nodes behind the last learned layers."""
        return frozenset(i for i, n in enumerate(self.learned_below) if n == 0) - frozenset(self.learned)

    def body(self, *, without_last: int) -> tuple[int, ...]:
        """Return the learned layers, less the first, and those with fewer than ``without_last`` others behind them."""
        return tuple(i for i in self.learned if self.learned_below[i] >= without_last and i not in self.first)


def find_regions(graph: Any) -> Regions:
    """Return the regions of an ``onnx.GraphProto``, whose nodes are in order, as ONNX demands."""
    stored = {name: prod(tensor.dims) for name, tensor in constants(graph).items()}
    learned = {
        position
        for position, node in enumerate(graph.node)
        if node.op_type in WEIGHTED and _weights(node, stored) >= _LEAST_WEIGHTS
    }
    readers: dict[str, list[int]] = {}
    for position, node in enumerate(graph.node):
        for name in node.input:
            readers.setdefault(name, []).append(position)
    after_learned: set[str] = set()
    first = set()
    for position, node in enumerate(graph.node):
        if not after_learned.isdisjoint(node.input):
            after_learned.update(node.output)
        elif position in learned:
            first.add(position)
            after_learned.update(node.output)
    below = [0] * len(graph.node)
    for position in reversed(range(len(graph.node))):
        next_nodes = {reader for name in graph.node[position].output for reader in readers.get(name, ())}
        below[position] = max((below[n] + (n in learned) for n in next_nodes), default=0)
    return Regions(tuple(sorted(learned)), tuple(below), _depths(graph, learned), frozenset(first))


def _depths(graph: Any, learned: set[int]) -> tuple[int, ...]:
    of_tensor: dict[str, int] = {}
    depths = []
    for position, node in enumerate(graph.node):
        depths.append(max((of_tensor.get(name, 0) for name in node.input), default=0) + (position in learned))
        of_tensor.update(dict.fromkeys(node.output, depths[-1]))
    return tuple(depths)


def _weights(node: Any, stored: dict[str, int]) -> int:
    position = WEIGHTED[node.op_type]
    return stored.get(node.input[position], 0) if len(node.input) > position else 0
