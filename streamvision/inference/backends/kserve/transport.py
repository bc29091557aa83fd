"""What is asked of a server, whichever way it is asked: the part that HTTP and gRPC have in common."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelRefusedError
from streamvision.core.redaction import redact_outside
from streamvision.inference.backends.kserve.address import Endpoint
from streamvision.inference.backends.kserve.description import DATATYPES

SHARED_MEMORY = "system_shared_memory"
"""Name of the protocol's extension for memory that client and server share."""
BINARY = "binary_tensor_data"
"""Name of the protocol's extension for tensors as bytes over HTTP, in place of lists of numbers."""
CONNECT_TIMEOUT_S = 3.0
"""Longest wait for a connection; a machine that is there takes far less."""
MAX_DESCRIPTION_BYTES = 8 << 20
"""Far above what a server says of a model, its card included."""
MAX_ANSWER_BYTES = 1 << 30
"""Far above the outputs of one call."""


class ServerRefusedError(ModelRefusedError):
    """The server answers, and says that it does not do what was asked."""


@dataclass(frozen=True)
class Part:
    """A place in a region of memory that the server has been told of."""

    region: str
    """Name of the region."""
    offset: int
    """Where it begins, in bytes."""
    size: int
    """How long it is, in bytes."""


@dataclass(frozen=True)
class Sent:
    """An input of one call."""

    name: str
    tensor: NDArray[Any]
    part: Part | None = None
    """Where the tensor lies in shared memory; ``None``: it is sent."""


@dataclass(frozen=True)
class Wanted:
    """An output of one call."""

    name: str
    part: Part | None = None
    """Where in shared memory the server writes it; ``None``: it comes with the answer."""


class Answer(NamedTuple):
    """What came of one call."""

    tensors: Mapping[str, NDArray[Any]]
    """The outputs that came with the answer, by name."""
    shapes: Mapping[str, tuple[int, ...]]
    """The shapes of all, those in shared memory among them."""
    version: str
    """Which version of the model the server has used."""


class Transport(ABC):
    """Asks one server about one model. Any thread may ask at any time.

    Every method takes the longest time that it may need. Where the server does not answer, or not in time, it raises
    a :class:`streamvision.core.errors.ModelAwayError`; where it refuses, a :class:`ServerRefusedError`.

    Args:
        endpoint: where the model is served.
        shown: its address, for messages.
    """

    tensors: Any
    """The module of tritonclient with the classes of this way."""

    def __init__(self, endpoint: Endpoint, *, shown: str) -> None:
        self.endpoint = endpoint
        self.shown = shown

    @abstractmethod
    def extensions(self, timeout_s: float) -> frozenset[str]:
        """Return which extensions of the protocol the server has."""

    @abstractmethod
    def metadata(self, timeout_s: float) -> object:
        """Return what the server says of the model."""

    @abstractmethod
    def config(self, timeout_s: float) -> object | None:
        """Return the model's configuration; ``None`` where the server has no such thing, which is Triton's alone."""

    @abstractmethod
    def is_ready(self, timeout_s: float) -> bool:
        """Say whether the model can be used now."""

    @abstractmethod
    def infer(self, inputs: Sequence[Sent], outputs: Sequence[Wanted], timeout_s: float) -> Answer:
        """Run the model."""

    @abstractmethod
    def register(self, region: str, key: str, size: int, timeout_s: float) -> None:
        """Tell the server of a region of shared memory: its name, its key for the system, its length in bytes."""

    @abstractmethod
    def unregister(self, region: str, timeout_s: float) -> None:
        """Let the server forget a region."""

    @abstractmethod
    def drop_connections(self) -> None:
        """Begin with new connections: those that there are may lead nowhere."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the server."""

    def is_on_this_machine(self) -> bool:
        """Say whether the server runs on this machine, as far as its address shows."""
        try:
            with socket.create_connection((self.endpoint.host, self.endpoint.port), CONNECT_TIMEOUT_S) as connection:
                return bool(connection.getsockname()[0] == connection.getpeername()[0])
        except OSError:
            return False

    def _given(self, inputs: Sequence[Sent], **how: Any) -> list[Any]:
        """Return inputs as tritonclient has them; ``how`` goes to its method that takes a tensor."""
        return [self._input(one, how) for one in inputs]

    def _asked(self, outputs: Sequence[Wanted], **how: Any) -> list[Any]:
        """Return outputs as tritonclient has them; ``how`` says how they are to come."""
        asked = []
        for one in outputs:
            output = self.tensors.InferRequestedOutput(one.name, **how)
            if one.part is not None:
                output.set_shared_memory(one.part.region, one.part.size, one.part.offset)
            asked.append(output)
        return asked

    def _input(self, sent: Sent, how: dict[str, Any]) -> Any:
        given = self.tensors.InferInput(sent.name, list(sent.tensor.shape), DATATYPES[sent.tensor.dtype.name])
        if sent.part is None:
            return given.set_data_from_numpy(np.ascontiguousarray(sent.tensor), **how)
        return given.set_shared_memory(sent.part.region, sent.part.size, sent.part.offset)

    def _refused(self, reason: object) -> ServerRefusedError:
        return ServerRefusedError(f"{self.shown}: the server answers {one_line(str(reason)) or 'nothing'}")


def one_line(reason: str) -> str:
    """Return what may be shown of a server's words, on one line."""
    return " ".join(redact_outside(reason).split())
