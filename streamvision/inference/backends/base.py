"""What every runtime offers to the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray


@dataclass(frozen=True)
class TensorSpec:
    """Name, shape and type of one input or output; a dynamic axis is ``None``."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


class Backend(Protocol):
    """A loaded model. As many threads may :meth:`run` it at a time as it takes requests."""

    @property
    def name(self) -> str:
        """The runtime, such as ``onnxruntime``."""

    @property
    def device(self) -> str:
        """Where the model really executes, such as ``cpu`` or ``cuda:0``; checked, not merely asked for."""

    @property
    def precision(self) -> str:
        """The arithmetic that really runs, such as ``fp32`` or ``bf16``."""

    @property
    def requests(self) -> int:
        """How many threads may call :meth:`run` at a time."""

    @property
    def input(self) -> TensorSpec:
        """The picture input."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs, in the order in which :meth:`run` returns them."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """The key-value pairs stored with the model; empty where there are none."""

    def run(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """Execute the model on one batch and return its outputs; they stay valid until the thread's next call.

        Raises:
            ModelError: when the runtime refuses the tensor or fails.
        """

    def close(self) -> None:
        """Release the model; calling it twice is harmless."""
