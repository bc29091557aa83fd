"""The arithmetic that an ONNX file asks for, and where its weights lie, read without the ``onnx`` package.

A device has the runtime installed and no exporter. The fields are those of ``onnx.proto3``:
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from streamvision.core.errors import ModelError

_GRAPH, _NODE, _INITIALIZER = 7, 1, 5
_INPUT, _OUTPUT, _OPERATOR, _ATTRIBUTE, _ATTRIBUTE_TENSOR = 1, 2, 4, 5, 5
_DATA_TYPE, _TENSOR_NAME, _EXTERNAL, _DATA_LOCATION = 2, 8, 13, 14
_KEY, _VALUE = 1, 2
_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_PRECISIONS = {1: "fp32", 10: "fp16", 16: "bf16"}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class OnnxScan:
    """What was found."""

    precision: str
    """``int8`` where layers are quantised, otherwise the type of most layers' weights: fp32, fp16 or bf16."""
    external: tuple[str, ...]
    """The other files that weights lie in, each once, as the model names them."""


def scan_onnx(content: bytes, *, name: str) -> OnnxScan:
    """Return what an ONNX file says of its arithmetic.

    Raises:
        ModelError: when the file is not ONNX, or is damaged.
    """
    try:
        graphs = [_read_graph(graph) for graph in _fields(memoryview(content), _GRAPH)]
    except (IndexError, ValueError) as error:
        raise ModelError(f"{name} is not an ONNX model or is damaged ({error}); export or download it again") from error
    if not graphs:
        raise ModelError(f"{name} has no graph, so it is not an ONNX model or is damaged; export or download it again")
    layers = sum((counted for counted, _ in graphs), Counter[str]())
    quantised = "int8" in layers
    precision = "int8" if quantised else max(layers, key=lambda kind: layers[kind], default="fp32")
    return OnnxScan(precision, tuple(dict.fromkeys(file for _, files in graphs for file in files)))


def _read_graph(graph: memoryview) -> tuple[Counter[str], list[str]]:
    """Count the weighted layers by the type of their weights; the second is the other files that weights lie in."""
    tensors = [*_fields(graph, _INITIALIZER)]
    types = {_text(tensor, _TENSOR_NAME): _number(tensor, _DATA_TYPE) for tensor in tensors}
    quantised: set[str] = set()
    layers: Counter[str] = Counter()
    for node in _fields(graph, _NODE):
        operator, inputs = _text(node, _OPERATOR), [_decoded(name) for name in _fields(node, _INPUT)]
        if operator == "DequantizeLinear":
            quantised.update(_decoded(name) for name in _fields(node, _OUTPUT))
        elif operator == "Constant":
            inside = [t for attribute in _fields(node, _ATTRIBUTE) for t in _fields(attribute, _ATTRIBUTE_TENSOR)]
            types |= {_text(node, _OUTPUT): _number(tensor, _DATA_TYPE) for tensor in inside}
            tensors += inside
        elif operator in _WEIGHTED and len(inputs) > 1:
            kind = _PRECISIONS.get(types.get(inputs[1], 1), "fp32")
            layers["int8" if inputs[1] in quantised else kind] += 1
    return layers, [_location(tensor) for tensor in tensors if _number(tensor, _DATA_LOCATION) == 1]


def _location(tensor: memoryview) -> str:
    entries = {_text(entry, _KEY): _text(entry, _VALUE) for entry in _fields(tensor, _EXTERNAL)}
    return entries.get("location", "")


def _text(message: memoryview, field: int) -> str:
    return next((_decoded(value) for value in _fields(message, field)), "")


def _decoded(value: memoryview) -> str:
    return bytes(value).decode("utf-8")


def _number(message: memoryview, field: int) -> int:
    return next((value for value in _entries(message, field) if isinstance(value, int)), 0)


def _fields(message: memoryview, field: int) -> Iterator[memoryview]:
    for value in _entries(message, field):
        if not isinstance(value, int):
            yield value


def _entries(message: memoryview, wanted: int) -> Iterator[int | memoryview]:
    """Yield the values of one field of a protobuf message."""
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        field, kind = key >> 3, key & 7
        value: int | memoryview
        if kind == _VARINT:
            value, at = _read_varint(message, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
            value, at = message[at : at + length], at + length
        elif kind == _BYTES:
            length, at = _read_varint(message, at)
            value, at = message[at : at + length], at + length
        else:
            raise ValueError(f"no wire type {kind}")
        if at > len(message):
            raise ValueError("it ends within a field")
        if field == wanted:
            yield value


def _read_varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number is too long")
