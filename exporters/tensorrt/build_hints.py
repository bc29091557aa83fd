"""What an exported ONNX file says to ``streamvision build-engine``, in its own metadata."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streamvision.core.errors import ModelError

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
