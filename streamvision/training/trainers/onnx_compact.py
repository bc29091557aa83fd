"""Stores the weights of an ONNX file in fewer bits; it computes in float32 as before.

Weights become float16 with a ``Cast`` behind them. Where that is not small enough, the largest become int8 with one
scale per kernel slice (output and input channel), as ``Cast`` and ``Mul``. Runtimes fold these nodes when they load
the file, so that speed does not change.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.errors import ConfigError

LEAST_ELEMENTS = 256
"""Smaller tensors stay as they are: biases and constants cost nothing and may need their digits."""
MEGABYTE = 1_000_000


def compact(model: Any, *, megabytes: float) -> tuple[Any, str]:
    """Return the model (changed in place) at a size of at most ``megabytes``, and what was done, in words.

    Raises:
        ConfigError: when it cannot be made so small.
    """
    limit = megabytes * MEGABYTE
    if model.ByteSize() <= limit:
        return model, "float32 weights"
    weights = sorted(_weights(model), key=lambda tensor: -_elements(tensor))
    for tensor in weights:
        _store_float16(model, tensor)
    if model.ByteSize() <= limit:
        return model, "float16 weights, float32 arithmetic"
    slices = 0
    for tensor in weights:
        if len(tensor.dims) == 4 and tensor.dims[2] * tensor.dims[3] > 2:
            _store_int8(model, tensor.name)
            slices += 1
            if model.ByteSize() <= limit:
                return model, f"float16 weights ({slices} of {len(weights)} tensors int8), float32 arithmetic"
    raise ConfigError(
        f"the ONNX file is {model.ByteSize() / MEGABYTE:.1f} MB with the smallest weights that keep its accuracy; "
        f"allow more than {megabytes:g} MB or train a smaller model"
    )


def _weights(model: Any) -> list[Any]:
    from onnx import TensorProto

    return [
        tensor
        for tensor in model.graph.initializer
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) >= 2 and _elements(tensor) >= LEAST_ELEMENTS
    ]


def _elements(tensor: Any) -> int:
    return int(np.prod(tensor.dims))


def _store_float16(model: Any, tensor: Any) -> None:
    from onnx import TensorProto, helper, numpy_helper

    name = tensor.name
    values = numpy_helper.to_array(tensor)
    limit = np.finfo(np.float16).max
    stored = numpy_helper.from_array(np.clip(values, -limit, limit).astype(np.float16), f"{name}.float16")
    model.graph.initializer.remove(tensor)
    model.graph.initializer.append(stored)
    model.graph.node.insert(0, helper.make_node("Cast", [stored.name], [name], to=TensorProto.FLOAT))


def _store_int8(model: Any, name: str) -> None:
    from onnx import TensorProto, helper, numpy_helper

    half = next(tensor for tensor in model.graph.initializer if tensor.name == f"{name}.float16")
    cast = next(node for node in model.graph.node if list(node.output) == [name])
    codes, scale = quantise_slices(numpy_helper.to_array(half).astype(np.float32))
    model.graph.initializer.remove(half)
    model.graph.node.remove(cast)
    model.graph.initializer.append(numpy_helper.from_array(codes, f"{name}.int8"))
    model.graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))
    to_float = TensorProto.FLOAT
    nodes = (
        helper.make_node("Cast", [f"{name}.int8"], [f"{name}.codes"], to=to_float),
        helper.make_node("Cast", [f"{name}.scale"], [f"{name}.scales"], to=to_float),
        helper.make_node("Mul", [f"{name}.codes", f"{name}.scales"], [name]),
    )
    for at, node in enumerate(nodes):
        model.graph.node.insert(at, node)


def quantise_slices(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Return (O, I, h, w) int8 codes and (O, I, 1, 1) float16 scales whose product is nearly the weights."""
    scale = (np.abs(weights).max(axis=(2, 3), keepdims=True) / 127).astype(np.float16)
    scale = np.maximum(scale, np.float16(6e-8))
    codes = np.clip(np.round(weights / scale.astype(np.float32)), -127, 127)
    return codes.astype(np.int8), scale
