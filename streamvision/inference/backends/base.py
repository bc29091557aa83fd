"""What every runtime offers; a new one is a subclass of :class:`LoadedBackend` that says how it executes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError
from streamvision.core.model_location import ModelLocation
from streamvision.inference.tensors import TensorSpec, check_tensor, last_line


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
    def max_batch(self) -> int | None:
        """Most pictures that :meth:`run` takes where the batch is free; ``None``: as many as one likes."""

    @property
    def useful_batch(self) -> int | None:
        """Most pictures that are worth waiting for where the batch is free; ``None``: as many as a call takes."""

    @property
    def input(self) -> TensorSpec:
        """The picture input."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs, in the order in which :meth:`run` returns them."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """The key-value pairs stored with the model; empty where there are none."""

    def run(self, tensor: NDArray[Any], companions: Mapping[str, NDArray[Any]] | None = None) -> list[NDArray[Any]]:
        """Execute the model on one batch and return its outputs; they stay valid until the thread's next call.

        Args:
            tensor: the batch of pictures.
            companions: what other inputs are given, by name; by default what fits the pictures' size.

        Raises:
            ModelError: when the runtime refuses the tensor or fails.
        """

    def close(self) -> None:
        """Release the model; calling it twice is harmless."""


@dataclass(frozen=True)
class ModelFacts:
    """What loading has found out; :class:`streamvision.inference.backends.base.Backend` says what the fields mean."""

    path: ModelLocation
    device: str
    precision: str
    input: TensorSpec
    outputs: tuple[TensorSpec, ...]
    metadata: Mapping[str, str]
    requests: int = 1
    inputs: tuple[TensorSpec, ...] = ()
    """All inputs as the model itself has them; empty: it has the picture's alone."""


class LoadedBackend(ABC):
    """A :class:`streamvision.inference.backends.base.Backend` around the runtime's own object for a loaded model.

    It checks what goes into the runtime and turns the runtime's exceptions into :class:`ModelError`.

    Args:
        facts: what the model is and how it executes.
        engine: the runtime's object; closing the backend drops it.
    """

    name: str
    """The runtime, as ``--backend`` takes it."""
    runtime: str
    """The runtime as its makers write it, for messages."""
    failures: tuple[type[Exception], ...] = (ValueError, RuntimeError)
    """What the runtime raises when it refuses a tensor or fails."""
    max_batch: int | None = None
    """Most pictures that it takes at a time where the batch is free; ``None``: as many as one likes."""

    def __init__(self, facts: ModelFacts, engine: Any) -> None:
        self._facts = facts
        self._engine = engine
        self.device, self.precision, self.requests = facts.device, facts.precision, facts.requests
        self.input, self.outputs, self.metadata = facts.input, facts.outputs, facts.metadata
        self.inputs = facts.inputs or (facts.input,)
        """All inputs as the model itself has them, the picture's first."""
        self._dtype = np.dtype(facts.input.dtype)
        self._accepted_shape: tuple[int, ...] = ()

    @property
    def useful_batch(self) -> int | None:
        """Most pictures that are worth waiting for where the batch is free; ``None``: as many as a call takes.

        A CPU gains nothing by a batch: YOLOv8n at 640x384 takes 35 to 41 ms a picture in batches of one to eight, and
        the first picture would wait for the last.
        """
        return 1 if self.device == "cpu" else None

    @abstractmethod
    def _execute(self, engine: Any, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """Run the model on a tensor that fits its input; may raise :attr:`failures`."""

    def _execute_beside(
        self, engine: Any, tensor: NDArray[Any], companions: Mapping[str, NDArray[Any]]
    ) -> list[NDArray[Any]]:
        """Run the model with companions of its input given; may raise :attr:`failures`.

        Raises:
            ModelError: when this runtime feeds the picture alone.
        """
        raise ModelError(
            f"{self._facts.path} takes {', '.join(companions)} beside its pictures, which {self.runtime} is not given "
            "here; use ONNX Runtime or OpenVINO, or export it without --pixel-format"
        )

    def _check_size(self, shape: tuple[int, ...]) -> None:
        """Refuse, by a :class:`ModelError`, a size that the model's input takes and its device does not."""
        return

    def _check_companions(self, companions: Mapping[str, NDArray[Any]]) -> None:
        """Refuse what the model has no input for: some runtimes would leave it out without a word."""
        missing = companions.keys() - {spec.name for spec in self.inputs}
        if missing:
            raise ModelError(
                f"the model card in {self._facts.path} says that it is given {', '.join(sorted(missing))} beside its "
                "pictures, but the model has no such input; export it again"
            )

    @classmethod
    def version(cls) -> str:
        """Return the installed runtime's version, for ``doctor``; importing the runtime is part of the trial."""
        return "installed"

    @classmethod
    def devices(cls) -> Iterable[tuple[str, str]]:
        """Yield the devices that ``doctor`` tries, absent ones included, each with a remark for where it works."""
        return [("cpu", "")]

    @staticmethod
    def _cause(error: Exception) -> str:
        """Return what a message of the runtime comes down to."""
        return last_line(error)

    @classmethod
    @contextmanager
    def _failing_on(cls, path: ModelLocation) -> Iterator[None]:
        """Turn the runtime's exceptions within into :class:`ModelError`."""
        try:
            yield
        except cls.failures as error:
            raise ModelError(f"{cls.runtime} failed on {path}: {cls._cause(error)}") from error

    def run(self, tensor: NDArray[Any], companions: Mapping[str, NDArray[Any]] | None = None) -> list[NDArray[Any]]:
        """Execute the model on one batch and return its outputs; they stay valid until the thread's next call.

        Args:
            tensor: the batch of pictures.
            companions: what other inputs are given, by name; by default what fits the pictures' size.

        Raises:
            ModelError: when the tensor does not fit, the runtime fails or the backend is closed.
        """
        if self._engine is None:
            raise ModelError(f"{self._facts.path} is closed; open it again to run it")
        if tensor.shape != self._accepted_shape or tensor.dtype != self._dtype:
            check_tensor(self.input, tensor, path=self._facts.path)
            self._check_size(tensor.shape)
            self._check_companions(companions or {})
            self._accepted_shape = tensor.shape
        with self._failing_on(self._facts.path):
            if companions:
                return self._execute_beside(self._engine, tensor, companions)
            return self._execute(self._engine, tensor)

    def close(self) -> None:
        """Release the model; calling it twice is harmless."""
        self._engine = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._facts.path.name}, {self.device}, {self.precision})"
