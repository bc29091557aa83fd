"""What an engine is built from and for: the ONNX file, its card, its arithmetic and the sizes of its calls."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exporters.tensorrt.build_hints import read_hints, usual_batch
from exporters.tensorrt.onnx_scan import scan_onnx
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


def read_blueprint(
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
    card = card.model_copy(update={"input": card.input.model_copy(update={"dynamic_size": False})})
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
