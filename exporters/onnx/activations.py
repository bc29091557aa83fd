"""Executes an ONNX network and gives what flows inside it, to measure the ranges that 8 bits are to cover."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from exporters.onnx.graph import FLOAT, element_types
from streamvision.core.errors import ExportError

Runner = Callable[[NDArray[Any]], list[NDArray[Any]]]
"""Takes one input tensor and returns the named tensors."""


def activation_runner(model: Any, names: Sequence[str]) -> Runner:
    """Return what executes an ``onnx.ModelProto`` of one input on the CPU and gives the named tensors."""
    import onnxruntime

    extended = copy.deepcopy(model)
    types = element_types(model)
    inputs = {value.name for value in model.graph.input}
    del extended.graph.output[:]
    seen = [name for name in names if name not in inputs]
    extended.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, types.get(name, FLOAT), None) for name in seen
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(extended.SerializeToString(), options, providers=["CPUExecutionProvider"])
    picture = session.get_inputs()[0].name

    def run(tensor: NDArray[Any]) -> list[NDArray[Any]]:
        found = dict(zip(seen, session.run(seen, {picture: tensor}), strict=True)) | {picture: tensor}
        return [found[name] for name in names]

    return run


def extremes(model: Any, names: Sequence[str], tensors: Iterable[NDArray[Any]]) -> dict[str, tuple[float, float]]:
    """Return the least and the greatest value of each named tensor over all pictures.

    Raises:
        ExportError: when there is no picture.
    """
    run = activation_runner(model, names)
    found: dict[str, tuple[float, float]] = {}
    for tensor in tensors:
        for name, values in zip(names, run(tensor), strict=True):
            low, high = found.get(name, (np.inf, -np.inf))
            found[name] = (min(low, float(values.min(initial=np.inf))), max(high, float(values.max(initial=-np.inf))))
    if not found:
        raise ExportError(
            "INT8 needs at least one picture to measure ranges on; give a folder of some 64 everyday ones"
        )
    return {name: ends for name, ends in found.items() if np.isfinite(ends).all()}
