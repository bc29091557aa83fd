"""INT8 by QuantizeLinear and DequantizeLinear in the file, in the form that TensorRT takes.

TensorRT's explicit quantisation wants signed 8 bits, zero point 0, one scale a tensor for activations, one a channel
for weights, pairs in front of weighted layers and none on biases or behind layers. The range is -127..127: TensorRT
keeps its weights there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from exporters.onnx.activations import activation_runner
from exporters.onnx.graph import (
    WEIGHTED,
    constants,
    drop_unused,
    find_regions,
    fold_constants,
    replace_nodes,
)
from exporters.onnx.opset import with_scales_by_channel
from streamvision.core.errors import ExportError

_LEVELS = 127


def quantise(model: Any, batches: Iterable[NDArray[Any]], *, float_layers: int) -> Any:
    """Return a quantised copy of a float32 ``onnx.ModelProto``.

    Args:
        model: the network.
        batches: input tensors to measure ranges on.
        float_layers: how many learned layers before the outputs stay in float: their rounding goes straight into
            scores and boxes. So does the first, in which all that the picture has is still to be told apart.

    Raises:
        ExportError: when there is no picture, no learned layer is left to quantise, or the file's operator set is too
            old and cannot be raised.
    """
    model = fold_constants(with_scales_by_channel(model))
    stored = constants(model.graph)
    layers = [model.graph.node[i] for i in find_regions(model.graph).body(without_last=float_layers)]
    layers = [node for node in layers if node.input[0] not in stored and not _is_depthwise(node, stored)]
    if not layers:
        raise ExportError("there is no learned layer to quantise in this model; export it in fp16")
    names = list(dict.fromkeys(node.input[0] for node in layers))
    tensors = list(batches)
    if not tensors:
        raise ExportError(
            "INT8 needs at least one picture to measure ranges on; give a folder of some 64 everyday ones"
        )
    cuts = measure_ranges(activation_runner(model, names), tensors, names)
    _insert(model.graph, layers, cuts, stored)
    return model


def _insert(graph: Any, layers: Sequence[Any], cuts: dict[str, float], stored: dict[str, Any]) -> None:
    zero = numpy_helper.from_array(np.zeros((), np.int8), "quantised_zero")
    graph.initializer.append(zero)
    pairs: dict[str, list[Any]] = {}
    for name, cut in cuts.items():
        scale = numpy_helper.from_array(np.asarray(cut / _LEVELS, np.float32), f"{name}_scale")
        graph.initializer.append(scale)
        pairs[name] = [
            _node("QuantizeLinear", [name, scale.name, zero.name], f"{name}_int8"),
            _node("DequantizeLinear", [f"{name}_int8", scale.name, zero.name], f"{name}_rounded"),
        ]
    wanted = {node.output[0] for node in layers}
    weights: dict[tuple[str, int], list[Any]] = {}
    nodes: list[Any] = []
    for node in graph.node:
        if node.output[0] in wanted:
            nodes += pairs.pop(node.input[0], [])
            node.input[0] = f"{node.input[0]}_rounded"
            position = WEIGHTED[node.op_type]
            axis = _channel_axis(node, stored[node.input[position]])
            key = (node.input[position], axis)
            if key not in weights:
                weights[key] = _stored_weights(graph, stored[key[0]], axis)
                nodes += weights[key]
            node.input[position] = weights[key][-1].output[0]
        nodes.append(node)
    replace_nodes(graph, nodes)
    drop_unused(graph)
    del graph.value_info[:]


def _stored_weights(graph: Any, tensor: Any, axis: int) -> list[Any]:
    """Store int8 weights with a scale a channel, and return the node that gives them back in float."""
    values = numpy_helper.to_array(tensor).astype(np.float32)
    others = tuple(i for i in range(values.ndim) if i != axis)
    largest = np.abs(values).max(axis=others, keepdims=True)
    scale = np.where(largest > 0, largest, 1).astype(np.float32) / _LEVELS
    integers = np.clip(np.rint(values / scale), -_LEVELS, _LEVELS).astype(np.int8)
    name = f"{tensor.name}_axis{axis}"
    flat = scale.reshape(-1)
    graph.initializer.extend(
        [
            numpy_helper.from_array(integers, f"{name}_int8"),
            numpy_helper.from_array(flat, f"{name}_scale"),
            numpy_helper.from_array(np.zeros(flat.shape, np.int8), f"{name}_zero"),
        ]
    )
    inputs = [f"{name}_int8", f"{name}_scale", f"{name}_zero"]
    return [_node("DequantizeLinear", inputs, f"{name}_rounded", axis=axis)]


def _is_depthwise(node: Any, stored: dict[str, Any]) -> bool:
    """Return whether a convolution takes one channel for each it gives.

    One scale for all channels is too coarse there: of YOLOX-nano's 74 objects on 16 pictures, 6 were left, and 69 with
    these layers in float. They are few sums, and GPUs gain nothing from 8 bits in them.
    """
    groups = next((a.i for a in node.attribute if a.name == "group"), 1)
    return groups > 1 and groups == stored[node.input[WEIGHTED[node.op_type]]].dims[0]


def _channel_axis(node: Any, weights: Any) -> int:
    """Return the axis of the output channels in the weights of a layer."""
    if node.op_type == "Conv":
        return 0
    if node.op_type == "ConvTranspose":
        return 1
    if node.op_type == "Gemm":
        return 0 if any(a.name == "transB" and a.i for a in node.attribute) else 1
    return len(weights.dims) - 1


def _node(op: str, inputs: Sequence[str], output: str, **attributes: Any) -> Any:
    return onnx.helper.make_node(op, list(inputs), [output], name=f"{output}_{op}", **attributes)


BINS = 2048
_CANDIDATES = 96
_LEAST_SHARE = 0.3
"""The cut is never below this share of the largest value: objects are rare on pictures, and their peaks matter."""


@dataclass
class _Magnitudes:
    """Histogram of one tensor's absolute values."""

    largest: float = 0.0
    counts: NDArray[np.int64] | None = None

    def see(self, values: NDArray[np.float32]) -> None:
        counts, _ = np.histogram(np.abs(values), bins=BINS, range=(0, self.largest or 1))
        self.counts = counts if self.counts is None else self.counts + counts


def measure_ranges(
    run: Callable[[NDArray[Any]], Sequence[NDArray[Any]]], batches: Sequence[NDArray[Any]], names: Sequence[str]
) -> dict[str, float]:
    """Return by tensor the magnitude that shall become 127.

    Args:
        run: executes the float32 network on one input tensor and returns the named tensors.
        batches: the input tensors.
        names: the names, in the order of ``run``'s result.
    """
    magnitudes = {name: _Magnitudes() for name in names}
    for batch in batches:
        for name, values in zip(names, run(batch), strict=True):
            magnitudes[name].largest = max(magnitudes[name].largest, float(np.abs(values).max(initial=0)))
    for batch in batches:
        for name, values in zip(names, run(batch), strict=True):
            magnitudes[name].see(values)
    return {name: _cut(seen) for name, seen in magnitudes.items()}


def _cut(seen: _Magnitudes) -> float:
    if seen.counts is None or seen.largest == 0:
        return 1.0
    centres = (np.arange(BINS) + 0.5) * seen.largest / BINS
    weights = seen.counts.astype(np.float64)
    cuts = np.linspace(_LEAST_SHARE, 1.0, _CANDIDATES) * seen.largest
    steps = cuts[:, None] / _LEVELS
    rounded = np.minimum(np.rint(centres / steps), _LEVELS) * steps
    errors = ((rounded - centres) ** 2 * weights).sum(axis=1)
    return float(cuts[int(errors.argmin())])
