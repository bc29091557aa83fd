"""Smaller numbers for TFLite models: half-precision weights, 8-bit weights, 8-bit weights and activations.

Weights get one scale a channel. In static quantisation the last convolutions on the way to the outputs, and all that
follows them, stay in float: there boxes and scores are made, which 256 values cannot hold. So do the first ones, whose
values spread the widest. With all of YOLOv8n quantised, its boxes agree with the float network's by a mean IoU of 0.86;
with the last in float by 0.964, and scores are off by 0.030 in the mean; with the first too, by 0.979 and 0.020.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporters.base import ExportPrecision
from exporters.converters import import_converter, quiet
from exporters.tflite.conversion import operation_names, read_tree
from streamvision.core.errors import ExportError

FLOAT_LAST = 4
"""How many convolutions before the outputs stay in float in static quantisation: the head of ultralytics' detectors
has three, and a fourth that turns distributions into distances."""
FLOAT_FIRST = 6
"""How many convolutions behind the input stay in float: of ultralytics' detectors, all down to a quarter of the
input's size."""
FLOAT_LAST_DYNAMIC = 1
"""How many convolutions before the outputs stay in float in dynamic quantisation. YOLOv8n's boxes then agree with the
float network's by a mean IoU of 0.976 instead of 0.963, for 2 % more bytes: it is distances that gain."""
LOWEST_LOGIT = 8.0
"""Inputs of a sigmoid are cut at minus this before their 256 levels are laid out. What lies below becomes 0.003 at
most, in a sigmoid as in SiLU, yet would take most of the levels."""
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D_TRANSPOSE", "FULLY_CONNECTED")
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")


def quantise(
    model: bytes, precision: ExportPrecision, *, calibration: Iterable[NDArray[Any]] = (), threads: int = 1
) -> bytes:
    """Return the model in another precision than float32.

    Args:
        model: in float32.
        precision: what to store it in.
        calibration: input tensors that the ranges of activations are measured on, for ``int8``.
        threads: CPU threads of the measuring.

    Raises:
        ExportError: when there is nothing to calibrate ``int8`` with, or the model cannot be quantised.
        MissingDependencyError: when ai-edge-quantizer is not installed.
    """
    if precision == "fp32":
        return model
    import_converter("ai_edge_quantizer")
    from ai_edge_quantizer import quantizer

    with quiet():
        job = quantizer.Quantizer(model)
        ranges = None
        if precision == "fp16":
            _store_half(job)
        elif precision == "int8-dynamic":
            for operation in _WEIGHTED:
                job.add_dynamic_config(".*", operation, 8)
            _keep_float(job, float_operations(read_tree(model), first=0, last=FLOAT_LAST_DYNAMIC))
        else:
            ranges = _measure(job, model, calibration, threads)
        try:
            return bytes(job.quantize(ranges, enable_progress_bar=False, enable_progress_report=False).quantized_model)
        except (ValueError, RuntimeError) as error:
            raise ExportError(f"the TFLite model cannot be quantised to {precision} ({error})") from error


def _store_half(job: Any) -> None:
    from ai_edge_quantizer import algorithm_manager, qtyping

    half = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
    job.update_quantization_recipe(
        ".*",
        qtyping.TFLOperationName.ALL_SUPPORTED,
        qtyping.OpQuantizationConfig(
            weight_tensor_config=half, compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True
        ),
        algorithm_manager.AlgorithmName.FLOAT_CASTING,
    )


def _measure(job: Any, model: bytes, calibration: Iterable[NDArray[Any]], threads: int) -> Any:
    """Set the job up for static quantisation and return the ranges of all activations."""
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import algorithm_manager, qtyping

    everything = qtyping.TFLOperationName.ALL_SUPPORTED
    job.add_static_config(".*", everything, activation_num_bits=8, weight_num_bits=8)
    tree = read_tree(model)
    kept = float_operations(tree, first=FLOAT_FIRST, last=FLOAT_LAST)
    if len(kept) == len(tree.subgraphs[0].operators):
        raise ExportError(
            f"int8 leaves the first {FLOAT_FIRST} and the last {FLOAT_LAST} convolutions in float, and "
            "this network has no more; take int8-dynamic"
        )
    _keep_float(job, kept)
    for end in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
        job.update_quantization_recipe(".*", end, None, algorithm_manager.AlgorithmName.NO_QUANTIZE)
    signatures = Interpreter(model_content=model).get_signature_list()
    (signature,) = signatures
    (argument,) = signatures[signature]["inputs"]
    # One at a time, since the quantiser's own running average gives the first of 16 pictures half of the weight.
    ranges = _mean_ranges(
        job.calibrate({signature: [{argument: tensor}]}, num_threads=threads) for tensor in calibration
    )
    for name in sigmoid_inputs(tree):
        if "min" in ranges.get(name, {}):
            ranges[name]["min"] = np.maximum(ranges[name]["min"], -LOWEST_LOGIT)
    return ranges


def _mean_ranges(measured: Iterable[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Return by tensor the mean of the least and of the greatest values of all pictures."""
    total: dict[str, dict[str, Any]] = {}
    count = 0
    for ranges in measured:
        count += 1
        for name, ends in ranges.items():
            sums = total.setdefault(name, {})
            for end, value in ends.items():
                sums[end] = sums.get(end, 0) + value
    if not count:
        raise ExportError("int8 needs tensors to measure the ranges of activations on; give some")
    return {name: {end: value / count for end, value in ends.items()} for name, ends in total.items()}


def _keep_float(job: Any, operations: list[list[str]]) -> None:
    """Take operations, by the names of their outputs, out of the quantisation."""
    from ai_edge_quantizer import algorithm_manager, qtyping

    for outputs in operations:
        scope = "".join(f"{name};" for name in outputs)  # as the quantiser names operations
        job.update_quantization_recipe(
            f"^{re.escape(scope)}$",
            qtyping.TFLOperationName.ALL_SUPPORTED,
            None,
            algorithm_manager.AlgorithmName.NO_QUANTIZE,
        )


def float_operations(tree: Any, *, first: int, last: int) -> list[list[str]]:
    """Return the operations, by the names of their outputs, of the first and the last convolutions.

    Counted are the most convolutions on any way from the input to an operation, and on any way from it to the outputs,
    its own included.

    Args:
        tree: the model.
        first: an operation is meant that is reached with this many convolutions at most.
        last: or one behind which, itself included, there are this many at most.
    """
    graph = tree.subgraphs[0]
    operations = list(graph.operators)
    convolutions = [kind in _CONVOLUTIONS for kind in operation_names(tree)]
    before = _most([(o.inputs, o.outputs, c) for o, c in zip(operations, convolutions, strict=True)])
    after = _most([(o.outputs, o.inputs, c) for o, c in zip(operations[::-1], convolutions[::-1], strict=True)])[::-1]
    return [
        [graph.tensors[tensor].name.decode() for tensor in operation.outputs]
        for operation, reached, left in zip(operations, before, after, strict=True)
        if reached <= first or left <= last
    ]


def _most(steps: list[tuple[Any, Any, bool]]) -> list[int]:
    """Return for each step (tensors behind, tensors ahead, whether it counts) the most that count up to it."""
    at: dict[int, int] = {}
    counts = []
    for behind, ahead, counted in steps:
        counts.append(max((at.get(int(tensor), 0) for tensor in behind), default=0) + counted)
        for tensor in ahead:
            at[int(tensor)] = max(at.get(int(tensor), 0), counts[-1])
    return counts


def sigmoid_inputs(tree: Any) -> list[str]:
    """Return the names of tensors that a sigmoid reads."""
    graph = tree.subgraphs[0]
    return [
        graph.tensors[operation.inputs[0]].name.decode()
        for operation, kind in zip(graph.operators, operation_names(tree), strict=True)
        if kind == "LOGISTIC"
    ]
