"""Stores the weights of an ONNX file in fewer bits; it computes in float32 as before.

Weights become float16 with a ``Cast`` behind them. Where that is not small enough, the largest become 12-bit integers
with one scale per output channel: eight bits in one tensor, the other four packed in pairs in a second. Runtimes fold
the nodes that put them together when they load the file, so that speed does not change.

onnxslim 0.1.98 does not do this: it folds the casts and with them the float16 weights back to float32 (YOLOv8n 6.4 to
12.8 MB). On files that are not compact it brought nothing either: equal outputs to the bit, the same speed in ONNX
Runtime, which folds such nodes itself, and 0.1 to 0.3 % more bytes (nodes: YOLOv8n 233 to 232, Faster R-CNN 1170 to
443).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ConfigError

LEAST_ELEMENTS = 256
"""Smaller tensors stay as they are: biases and constants cost nothing and may need their digits."""
MEGABYTE = 1_000_000
MIDDLE = 2048
"""The code of zero."""


def compact(
    model: Any, *, megabytes: float, originals: Mapping[str, NDArray[np.float32]] | None = None
) -> tuple[Any, str]:
    """Return the model (changed in place) at a size of at most ``megabytes``, and what was done, in words.

    Args:
        model: an ONNX model.
        megabytes: its size must not exceed this.
        originals: the checkpoint's own weights by name, which are float16 already. The export has multiplied them by
            one factor per output channel (batch normalisation); stored as they were beside that factor, nothing is
            lost.

    Raises:
        ConfigError: when it cannot be made so small.
    """
    limit = megabytes * MEGABYTE
    # Shapes of what flows inside are notes for readers; runtimes infer them.
    del model.graph.value_info[:]
    if model.ByteSize() <= limit:
        return model, "float32 weights"
    weights = sorted(_weights(model), key=lambda tensor: -_elements(tensor))
    for tensor in weights:
        _store_float16(model, tensor, (originals or {}).get(tensor.name))
    if model.ByteSize() <= limit:
        return model, "float16 weights, float32 arithmetic"
    packed = 0
    for tensor in weights:
        if _elements(tensor) % 2 == 0:
            _store_12_bits(model, tensor)
            packed += 1
            if model.ByteSize() <= limit:
                return model, f"float16 weights ({packed} of {len(weights)} tensors 12 bits), float32 arithmetic"
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


def _store_float16(model: Any, tensor: Any, original: NDArray[np.float32] | None) -> None:
    from onnx import TensorProto, helper, numpy_helper

    name = tensor.name
    values = numpy_helper.to_array(tensor)
    stored, factor = values, None
    if original is not None and original.shape == values.shape and np.abs(original).max() < np.finfo(np.float16).max:
        factor = channel_factors(values, original)
        stored = values if factor is None else original
    limit = np.finfo(np.float16).max
    half = numpy_helper.from_array(np.clip(stored, -limit, limit).astype(np.float16), f"{name}.float16")
    model.graph.initializer.remove(tensor)
    model.graph.initializer.append(half)
    if factor is None:
        model.graph.node.insert(0, helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT))
        return
    model.graph.initializer.append(numpy_helper.from_array(factor, f"{name}.factor"))
    model.graph.node.insert(0, helper.make_node("Cast", [half.name], [f"{name}.float"], to=TensorProto.FLOAT))
    model.graph.node.insert(1, helper.make_node("Mul", [f"{name}.float", f"{name}.factor"], [name]))


def channel_factors(values: NDArray[np.float32], original: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return the factors (O, 1, ...) by which the originals became these values, or ``None`` if they did not."""
    axes = tuple(range(1, values.ndim))
    power = (original.astype(np.float64) ** 2).sum(axis=axes, keepdims=True)
    factor = (values.astype(np.float64) * original).sum(axis=axes, keepdims=True) / np.maximum(power, 1e-30)
    if np.abs(original * factor - values).max() > 1e-5 * np.abs(values).max():
        return None
    factors: NDArray[np.float32] = factor.astype(np.float32)
    return factors


def _store_12_bits(model: Any, tensor: Any) -> None:
    """Replace what :func:`_store_float16` made of a tensor; ``tensor`` is the original."""
    from onnx import TensorProto, helper, numpy_helper

    name = tensor.name
    for stored in [s for s in model.graph.initializer if s.name in {f"{name}.float16", f"{name}.factor"}]:
        model.graph.initializer.remove(stored)
    for made in [n for n in model.graph.node if n.output[0] in {name, f"{name}.float"}]:
        model.graph.node.remove(made)
    codes = pack_12_bits(numpy_helper.to_array(tensor))
    constants = {
        "high": codes.high,
        "low": codes.low,
        "scale": codes.scale,
        "shape": np.array(codes.high.shape, np.int64),
        "16": np.float32(16),
        "1/16": np.float32(1 / 16),
        "middle": np.float32(MIDDLE),
    }
    for key, value in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), f"{name}.{key}"))

    def node(operation: str, inputs: str, output: str, **attributes: Any) -> Any:
        names = [f"{name}.{key}" for key in inputs.split()]
        return helper.make_node(operation, names, [f"{name}.{output}" if output else name], **attributes)

    nodes = (
        node("Cast", "high", "high_float", to=TensorProto.FLOAT),
        node("Mul", "high_float 16", "high_part"),
        node("Cast", "low", "pairs", to=TensorProto.FLOAT),
        node("Mul", "pairs 1/16", "pairs_by_16"),
        node("Floor", "pairs_by_16", "first"),
        node("Mul", "first 16", "first_by_16"),
        node("Sub", "pairs first_by_16", "second"),
        node("Concat", "first second", "low_flat", axis=0),
        node("Reshape", "low_flat shape", "low_part"),
        node("Add", "high_part low_part", "codes"),
        node("Sub", "codes middle", "signed"),
        node("Mul", "signed scale", ""),
    )
    for at, step in enumerate(nodes):
        model.graph.node.insert(at, step)


@dataclass(frozen=True, eq=False)
class Packed:
    """Weights as 12-bit codes: ``(16 * high + low - MIDDLE) * scale``."""

    high: NDArray[np.uint8]
    """The upper eight bits, in the shape of the weights."""
    low: NDArray[np.uint8]
    """(elements / 2,) the lower four bits: those of the first half of the weights in the upper nibbles, those of the
    second half in the lower."""
    scale: NDArray[np.float32]
    """One per output channel (first axis), broadcast over the others."""


def pack_12_bits(weights: NDArray[np.float32]) -> Packed:
    """Return weights, an even number of them, as 12-bit codes."""
    axes = tuple(range(1, weights.ndim))
    scale = np.maximum(np.abs(weights).max(axis=axes, keepdims=True) / (MIDDLE - 1), np.float32(1e-12))
    codes = np.round(weights / scale).astype(np.int32) + MIDDLE
    nibbles = (codes & 15).astype(np.uint8).ravel()
    half = nibbles.size // 2
    low = (nibbles[:half] << 4) | nibbles[half:]
    return Packed((codes >> 4).astype(np.uint8), low.astype(np.uint8), scale.astype(np.float32))
