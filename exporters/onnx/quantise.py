"""INT8 ONNX for processors: QuantizeLinear and DequantizeLinear in the file, in the form that ONNX Runtime executes.

Activations are unsigned with a zero point, weights signed with one scale a channel: what its CPU kernels are made for,
and what ONNX Runtime's documentation advises for x86-64. There, without VNNI (all AVX2 and many AVX-512 processors),
pairs of such products are added up in 16 bits, which overflow: YOLOv8n's scores were off by up to 0.82. So weights
take 7 of the 8 bits (``reduce_range``), whose sums always fit, and every processor computes the same. Unsigned weights
would keep 8 bits and took 1.4 times as long with VNNI, signed activations twice. TensorRT wants another form, see
:mod:`exporters.tensorrt.quantise`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporters.converters import quiet
from exporters.onnx.activations import extremes
from exporters.onnx.graph import FLOAT, constants, element_types, find_regions, fold_constants
from exporters.onnx.opset import with_scales_by_channel
from streamvision.core.errors import ExportError

OPERATORS = (
    *("Conv", "ConvTranspose", "Gemm", "MatMul"),
    *("Add", "Concat", "MaxPool", "Mul", "Resize", "Sigmoid", "Split"),
)
"""What is computed in 8 bits: learned layers, and what stands between them. With the learned layers alone, YOLOv8n took
twice the time and was no more accurate."""
LOWEST_LOGIT = 8.0
"""Inputs of a sigmoid are cut at minus this before their 256 levels are laid out. What lies below becomes 0.003 at
most, in a sigmoid as in SiLU, yet would take most of the levels."""


class Quantiser:
    """Measures the ranges of a network once, and makes 8-bit copies of it with other layers left in float.

    Args:
        model: the network in float32, an ``onnx.ModelProto`` with one input.
        tensors: inputs to measure the ranges of activations on.
        float_layers: how many learned layers before each output stay in float always.

    Raises:
        ExportError: when no learned layer is left to quantise, there is no picture, or the file's operator set is too
            old and cannot be raised.
    """

    def __init__(self, model: Any, tensors: Iterable[NDArray[Any]], *, float_layers: int) -> None:
        self._model = fold_constants(with_scales_by_channel(copy.deepcopy(model)))
        graph = self._model.graph
        regions = find_regions(graph)
        for number, node in enumerate(graph.node):
            node.name = node.name or f"node_{number}"
        self._depth = {
            node.name: max(regions.depth[position], 1)
            for position, node in enumerate(graph.node)
            if node.op_type in OPERATORS and regions.learned_below[position] >= float_layers
        }
        learned = {graph.node[position].name for position in regions.learned}
        if learned.isdisjoint(self._depth):
            raise ExportError("there is no learned layer to quantise in this model; export it in fp16")
        self.depths: tuple[int, ...] = tuple(sorted({self._depth[name] for name in learned & self._depth.keys()}))
        """Depths that have learned layers in 8 bits, from the input on: how many learned layers lie on the longest way
        from the input to a layer, itself included."""
        self._ranges = self._measure(tensors)

    def quantised(self, *, in_float: frozenset[int] = frozenset()) -> Any:
        """Return a copy whose layers are in 8 bits, but for those of the given depths and what follows on each.

        Raises:
            ExportError: when nothing would be left in 8 bits.
        """
        from onnxruntime import quantization
        from onnxruntime.quantization.calibrate import TensorsData
        from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

        chosen = [name for name, depth in self._depth.items() if depth not in in_float]
        if not set(self.depths) - in_float:
            raise ExportError("all learned layers would stay in float; export it in fp16")
        ranges = {name: (np.float32(low), np.float32(high)) for name, (low, high) in self._ranges.items()}
        with quiet():
            quantizer = QDQQuantizer(
                copy.deepcopy(self._model),
                per_channel=True,
                reduce_range=True,
                weight_qType=quantization.QuantType.QInt8,
                activation_qType=quantization.QuantType.QUInt8,
                tensors_range=TensorsData(quantization.CalibrationMethod.MinMax, ranges),
                nodes_to_quantize=chosen,
                nodes_to_exclude=[],
                op_types_to_quantize=list(OPERATORS),
                extra_options={},
            )
            quantizer.quantize_model()
        return quantizer.model.model

    def _measure(self, tensors: Iterable[NDArray[Any]]) -> dict[str, tuple[float, float]]:
        graph = self._model.graph
        types, stored = element_types(self._model), constants(graph)
        touched = [
            name for node in graph.node if node.name in self._depth for name in (*node.input, *node.output) if name
        ]
        names = [name for name in dict.fromkeys(touched) if name not in stored and types.get(name, FLOAT) == FLOAT]
        ranges = extremes(self._model, names, tensors)
        for node in graph.node:
            if node.op_type == "Sigmoid" and node.input[0] in ranges:
                low, high = ranges[node.input[0]]
                ranges[node.input[0]] = (max(low, -LOWEST_LOGIT), high)
        return ranges
