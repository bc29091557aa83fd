"""The header beside a TensorRT engine: what is in it, for which device it was built, and the model card.

An engine says nothing of itself and runs only where it was built. ``model.engine`` has its header in
``model.engine.json``; engines that ultralytics built carry theirs in front, as its length in four bytes and JSON.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streamvision.core.errors import DeviceError, ModelError
from streamvision.core.reading import UnreadableError, parse_json
from streamvision.inference.backends.cuda_memory import GpuFacts

FORMAT = 1
_METADATA_BYTES = 1 << 20
"""Far above any real metadata."""


class EngineHeader(BaseModel):
    """What stands beside an engine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = Field(FORMAT, description="Version of this header.")
    engine_sha256: str = Field(description="Digest of the engine's bytes.")
    model_sha256: str = Field(description="Digest of the ONNX file that it was built from.")
    precision: str = Field(description="Arithmetic of its learned layers: fp32, fp16 or int8.")
    batch: tuple[int, int, int] = Field(description="Smallest, most usual and largest number of pictures a call.")
    gpu: str = Field(description="Name of the GPU that it was built on.")
    compute_capability: str = Field(description="Its compute capability.")
    driver: str = Field(description="Newest CUDA version that its driver supports.")
    tensorrt: str = Field(description="Version of TensorRT.")
    metadata: dict[str, str] = Field(description="The model's own metadata, the model card among it.")

    def check_device(self, path: Path, gpu: GpuFacts, tensorrt: str) -> None:
        """Refuse an engine that was built elsewhere: loading it would fail, or run slowly.

        Raises:
            DeviceError: naming what differs.
        """
        built_for = (self.gpu, self.compute_capability, self.tensorrt)
        here = (gpu.name, gpu.compute_capability, tensorrt)
        if built_for == here:
            return
        raise DeviceError(
            f"{path} was built for {_words(*built_for)}, and this is {_words(*here)}; build it here with "
            "'streamvision build-engine'"
        )


def header_path(engine: Path) -> Path:
    """Return where the header of an engine lies."""
    return engine.with_name(f"{engine.name}.json")


def sha256(content: bytes) -> str:
    """Return the digest of a file's content."""
    return hashlib.sha256(content).hexdigest()


def read_header(engine: Path, content: bytes) -> EngineHeader | None:
    """Return the header beside an engine, ``None`` where there is none.

    Args:
        engine: the engine's path.
        content: its bytes, which are checked against the header's digest.

    Raises:
        ModelError: when header or engine are damaged, or do not belong together.
    """
    path = header_path(engine)
    try:
        header = EngineHeader.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else error.errors()[0]["msg"]
        raise ModelError(
            f"the header {path} is damaged ({reason}); build the engine again with 'streamvision build-engine'"
        ) from error
    if header.engine_sha256 != sha256(content):
        raise ModelError(
            f"{engine} is damaged, or not the engine that {path.name} describes; build it again with "
            "'streamvision build-engine'"
        )
    return header


def split_embedded(content: bytes) -> tuple[dict[str, str], bytes]:
    """Return the metadata that ultralytics puts in front of an engine, and the engine; both as they are without it."""
    length = int.from_bytes(content[:4], "little")
    if not 2 <= length <= min(_METADATA_BYTES, len(content) - 4) or content[4:5] != b"{":
        return {}, content
    try:
        document = parse_json(content[4 : 4 + length])
    except UnreadableError:
        return {}, content
    metadata = {str(k): v if isinstance(v, str) else json.dumps(v, default=str) for k, v in document.items()}
    return metadata, content[4 + length :]


def _words(gpu: str, capability: str, tensorrt: str) -> str:
    return f"{gpu} (compute capability {capability}) with TensorRT {tensorrt}"
