"""INT8 ONNX for processors: QuantizeLinear and DequantizeLinear in the file, in the form that ONNX Runtime executes.

Activations are unsigned with a zero point, weights signed with one scale a channel: what its CPU kernels are made for.
TensorRT wants another form, see :mod:`exporters.tensorrt.quantise`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from exporters.converters import quiet
from exporters.onnx.graph import find_regions
from exporters.onnx.opset import with_scales_by_channel
from streamvision.core.errors import ExportError

OPERATORS = (
    *("Conv", "ConvTranspose", "Gemm", "MatMul"),
    *("Add", "Concat", "MaxPool", "Mul", "Resize", "Sigmoid", "Split"),
)
"""What is computed in 8 bits: learned layers, and what stands between them. With the learned layers alone, YOLOv8n took
twice the time and was no more accurate."""


def quantise(model: Any, tensors: Iterable[NDArray[Any]], *, float_layers: int) -> Any:
    """Return a quantised copy of a float32 ``onnx.ModelProto``.

    Args:
        model: the network, with one input.
        tensors: inputs to measure the ranges of activations on.
        float_layers: how many learned layers before each output stay in float.

    Raises:
        ExportError: when no learned layer is left to quantise, or the file's operator set is too old and cannot be
            raised.
    """
    import onnx
    from onnxruntime import quantization

    model = with_scales_by_channel(model)
    regions = find_regions(model.graph)
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"node_{number}"
    chosen = [
        node.name
        for position, node in enumerate(model.graph.node)
        if node.op_type in OPERATORS and regions.learned_below[position] >= float_layers
    ]
    if not chosen:
        raise ExportError("there is no learned layer to quantise in this model; export it in fp16")

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        """Hands the tensors over one by one."""

        def __init__(self) -> None:
            self._tensors = iter(tensors)
            self._name = model.graph.input[0].name

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            tensor = next(self._tensors, None)
            return None if tensor is None else {self._name: tensor}

    with tempfile.TemporaryDirectory(prefix="streamvision-") as scratch, quiet():
        made = Path(scratch) / "quantised.onnx"
        quantization.quantize_static(
            model,
            made,
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            nodes_to_quantize=chosen,
            op_types_to_quantize=list(OPERATORS),
        )
        return onnx.load(made)
