"""What an engine is built from and for: the ONNX file, its card, its arithmetic and the sizes of its calls.

A device that builds engines has the runtime installed and no exporter, so the file is read without the ``onnx``
package. The fields are those of ``onnx.proto3``: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streamvision.core.errors import ConfigError, ModelError
from streamvision.inference.backends.onnx_runtime import OnnxRuntimeBackend
from streamvision.inference.backends.tensorrt_header import sha256
from streamvision.inference.card_reader import read_card
from streamvision.inference.model_card import ModelCard

Batch = tuple[int, int, int]


@dataclass(frozen=True)
class EngineSpec:
    """Everything that decides what an engine computes, the device apart."""

    path: Path
    """The ONNX file."""
    content: bytes
    """Its bytes."""
    digest: str
    """Their SHA-256."""
    card: ModelCard
    """How the engine is fed and read."""
    metadata: dict[str, str]
    """What the engine's header carries: the file's own metadata, and the card."""
    precision: str
    """Arithmetic of the learned layers, as the file has it."""
    batch: Batch
    """Smallest, most usual and largest number of pictures a call."""
    tf32: bool
    """Whether float32 products may be rounded to 10 bits on tensor cores."""

    def shape(self, pictures: int) -> tuple[int, ...]:
        """Return the input's shape for so many pictures."""
        height, width = self.card.input.height_px, self.card.input.width_px
        return (pictures, 3, height, width) if self.card.input.layout == "nchw" else (pictures, height, width, 3)


def read_engine_spec(
    path: Path,
    *,
    precision: str = "auto",
    batch: Batch | None = None,
    tf32: bool = False,
    head: str | None = None,
    names: Sequence[str] | None = None,
) -> EngineSpec:
    """Return what an engine is to be built from.

    The file is run once in ONNX Runtime on the CPU, so that minutes of building are not spent on a broken one.

    Args:
        path: the ONNX file.
        precision: what the file must be in; ``auto`` for whatever it is.
        batch: pictures a call; ``None`` for what the file says.
        tf32: see :class:`EngineSpec`.
        head: layout of the outputs, for files without it.
        names: class names, for files without them.

    Raises:
        ModelError: when the file is not an ONNX model, or has parts in other files.
        ConfigError: when precision or batch are not the file's.
    """
    if path.suffix.lower() != ".onnx":
        raise ModelError(f"{path} is not an .onnx file; make one with 'streamvision export MODEL --format tensorrt'")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); give an .onnx file") from error
    scan = scan_onnx(content, name=str(path))
    if scan.external:
        raise ModelError(f"{path} has its weights in other files, which an engine's cache cannot tell; save it as one")
    with contextlib.closing(OnnxRuntimeBackend(path, device="cpu")) as backend:
        card = read_card(backend, path=path, head=head, names=names)
        metadata = dict(backend.metadata)
    hints = read_hints(metadata, name=str(path))
    if hints is not None and hints.precision != scan.precision:
        raise ModelError(
            f"{path} says that it is in {hints.precision}, but its layers are in {scan.precision}; export it again"
        )
    if precision not in ("auto", scan.precision):
        raise ConfigError(
            f"--precision {precision}: {path} is in {scan.precision}, and TensorRT takes the types that the file has; "
            f"make one with 'streamvision export MODEL --format tensorrt --precision {precision}'"
        )
    dynamic, fixed = card.input.dynamic_batch, card.input.batch
    batch = batch or (hints.batch if hints else usual_batch(dynamic=dynamic, fixed=fixed))
    if not dynamic and set(batch) != {fixed}:
        raise ConfigError(
            f"--batch {','.join(map(str, batch))}: {path} takes {fixed} a call; export it with --dynamic-batch"
        )
    card = card.with_input(dynamic_size=False)
    return EngineSpec(
        path=path,
        content=content,
        digest=sha256(content),
        card=card,
        metadata=metadata | card.to_metadata(),
        precision=scan.precision,
        batch=batch,
        tf32=tf32,
    )


def parse_batch(text: str) -> Batch:
    """Read ``N`` or ``MIN,OPT,MAX``.

    Raises:
        ConfigError: when it is neither, or not in order.
    """
    parts = text.split(",")
    try:
        numbers = [int(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) == 1:
        numbers *= 3
    if len(numbers) != 3 or not 1 <= numbers[0] <= numbers[1] <= numbers[2]:
        raise ConfigError(f"--batch {text}: give one number, or smallest,usual,largest in this order, such as 1,4,16")
    return numbers[0], numbers[1], numbers[2]


HINTS_KEY = "streamvision.tensorrt"
LARGEST_BATCH = 16
"""Pictures in the largest call of a model that takes any number, as the pipeline makes them."""
USUAL_BATCH = 4


class BuildHints(BaseModel):
    """How an engine is to be built from the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: str = Field(description="Arithmetic of the learned layers that the gate has proven: fp32, fp16 or int8.")
    batch: tuple[int, int, int] = Field(description="Smallest, most usual and largest number of pictures a call.")

    def to_metadata(self) -> dict[str, str]:
        """Return the entry for ``metadata_props``."""
        return {HINTS_KEY: self.model_dump_json()}


def read_hints(metadata: dict[str, str], *, name: str) -> BuildHints | None:
    """Return what stands in the metadata of a file, ``None`` where it was not exported for TensorRT.

    Raises:
        ModelError: when the entry is damaged.
    """
    if HINTS_KEY not in metadata:
        return None
    try:
        return BuildHints.model_validate_json(metadata[HINTS_KEY])
    except ValidationError as error:
        raise ModelError(
            f"the entry {HINTS_KEY} in {name} is damaged ({error.errors()[0]['msg']}); export the model again"
        ) from error


def usual_batch(*, dynamic: bool, fixed: int) -> tuple[int, int, int]:
    """Return the numbers of pictures a call to build for where nobody says otherwise."""
    return (1, USUAL_BATCH, LARGEST_BATCH) if dynamic else (fixed, fixed, fixed)


_GRAPH, _NODE, _INITIALIZER = 7, 1, 5
_INPUT, _OUTPUT, _OPERATOR, _ATTRIBUTE, _ATTRIBUTE_TENSOR = 1, 2, 4, 5, 5
_DATA_TYPE, _TENSOR_NAME, _DATA_LOCATION = 2, 8, 14
_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_PRECISIONS = {1: "fp32", 10: "fp16", 16: "bf16"}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class OnnxScan:
    """What was found."""

    precision: str
    """``int8`` where layers are quantised, otherwise the type of most layers' weights: fp32, fp16 or bf16."""
    external: bool
    """Whether weights lie in other files."""


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
    return OnnxScan(precision, any(external for _, external in graphs))


def _read_graph(graph: memoryview) -> tuple[Counter[str], bool]:
    """Count the weighted layers by the type of their weights; the second says whether weights lie in other files."""
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
    return layers, any(_number(tensor, _DATA_LOCATION) == 1 for tensor in tensors)


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
