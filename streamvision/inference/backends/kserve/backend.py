"""A model on a server, used as one that is loaded here."""

from __future__ import annotations

import importlib.metadata
import logging
import threading
import time
from contextlib import suppress
from queue import Empty, LifoQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.config.model import Precision
from streamvision.core.errors import DeviceError, MissingDependencyError, ModelAwayError, ModelError
from streamvision.core.install import install_command
from streamvision.core.model_location import ModelAddress
from streamvision.inference.backends.base import LoadedBackend, ModelFacts
from streamvision.inference.backends.kserve.address import parse_endpoint
from streamvision.inference.backends.kserve.description import ServedModel, described
from streamvision.inference.backends.kserve.memory import UNREGISTER_TIMEOUT_S, SharedTensors
from streamvision.inference.backends.kserve.transport import (
    SHARED_MEMORY,
    Answer,
    Sent,
    ServerRefusedError,
    Transport,
    Wanted,
)
from streamvision.inference.tensors import ModelInputs, TensorSpec, shape_text

DEADLINE_SHARE = 0.9
"""Part of ``call_timeout_s`` after which a call is given up here, before whoever watches over it gives it up."""
READY_TIMEOUT_S = 2.0
"""Longest wait for a server's word on whether the model is ready, once it has refused a call."""

log = logging.getLogger(__name__)


class KserveBackend(LoadedBackend):
    """A model on a server that speaks the Open Inference Protocol, over HTTP or gRPC.

    Its device is the server, its precision the server's word on what executes it, its metadata the model's parameters
    there. A server that went and is back is used again, if the model is the same.

    Args:
        address: where it is served.
        device: ``auto``: where it executes is the server's to say.
        precision: ``auto``, likewise.
        threads: of no meaning here.
        requests: how many calls may be under way; ``None``: four, and eight where the server joins them to batches.
        dynamic_batch: of no meaning here.
        call_timeout_s: longest time for one call, and for what is asked about the model.

    Raises:
        ModelAwayError: when the server does not answer.
        ModelError: when it has no such model, or one that does not take pictures.
        DeviceError: when a device or a precision is asked for.
        MissingDependencyError: when tritonclient is not installed.
    """

    name = "kserve"
    runtime = "the model's server"
    failures = ()

    def __init__(
        self,
        address: ModelAddress,
        *,
        device: str = "auto",
        precision: Precision = "auto",
        threads: int | None = None,
        requests: int | None = None,
        dynamic_batch: bool = False,
        call_timeout_s: float = 10.0,
    ) -> None:
        if device.lower() != "auto" or precision != "auto":
            raise DeviceError(f"{address} executes where and how its server says; leave out --device and --precision")
        self._deadline_s = DEADLINE_SHARE * call_timeout_s
        self._address = address
        connections = requests or 8
        transport = _connected(address, connections)
        try:
            served = _served(address, transport, time.monotonic() + self._deadline_s)
            self._inputs = ModelInputs.of(served.inputs, path=address)
            shares = SHARED_MEMORY in transport.extensions(self._deadline_s) and transport.is_on_this_machine()
        except ServerRefusedError as error:
            transport.close()
            raise ModelError(
                f"{error}; give a model that is loaded there, with USER:PASSWORD@ or TOKEN@ where it asks for that"
            ) from error
        except BaseException:
            transport.close()
            raise
        self._model = served
        self._shares = shares
        self._certain = threading.Event()
        self._certain.set()
        self._version: str | None = None
        self.max_batch = served.max_batch
        facts = ModelFacts(
            path=address,
            device=transport.endpoint.server,
            precision=served.platform,
            input=self._inputs.picture,
            outputs=served.outputs,
            metadata=served.metadata,
            requests=requests or served.usual_requests,
        )
        self._memories: LifoQueue[SharedTensors] = LifoQueue()
        for _ in range(facts.requests):
            self._memories.put(SharedTensors(transport, served.outputs, batched=served.max_batch is not None))
        super().__init__(facts, transport)

    @classmethod
    def version(cls) -> str:
        """Return tritonclient's version."""
        return importlib.metadata.version("tritonclient")

    @property
    def useful_batch(self) -> int | None:
        """One, where the server joins calls to batches: its batch has the pictures of all who ask it."""
        return 1 if self._model.joins_calls else None

    def _execute(self, engine: Any, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        deadline_s = time.monotonic() + self._deadline_s
        largest = self.max_batch or len(tensor)
        parts = [tensor[begin : begin + largest] for begin in range(0, len(tensor), largest)]
        found = [self._run_part(engine, part, deadline_s) for part in parts]
        return found[0] if len(found) == 1 else [np.concatenate(one) for one in zip(*found, strict=True)]

    def _run_part(self, transport: Transport, tensor: NDArray[Any], deadline_s: float) -> list[NDArray[Any]]:
        try:
            memory = self._memories.get(timeout=_left_s(deadline_s))
        except Empty:
            raise ModelError(f"{self._address}: more calls are under way than its {self.requests} requests") from None
        feeds = self._inputs.feeds(tensor)
        try:
            try:
                return self._asked(transport, memory, feeds, deadline_s)
            except ServerRefusedError as error:
                memory.close(timeout_s=_left_s(deadline_s))
                if not transport.is_ready(min(READY_TIMEOUT_S, _left_s(deadline_s))):
                    raise ModelAwayError(f"{error}; the model is not ready there") from error
                if not self._shares:
                    raise
                self._certain.clear()  # a server that has begun anew since knows nothing of the memory
                return self._asked(transport, memory, feeds, deadline_s)
        except ModelAwayError:
            memory.close(timeout_s=0)
            if self._certain.is_set():
                self._certain.clear()
                transport.drop_connections()
            raise
        finally:
            self._memories.put(memory)
            if self._engine is None:
                self._give_memory_back()  # the model was closed meanwhile

    def _asked(
        self, transport: Transport, memory: SharedTensors, feeds: dict[str, NDArray[Any]], deadline_s: float
    ) -> list[NDArray[Any]]:
        """Run the model once; the tensors go through shared memory where the server takes it."""
        if not self._certain.is_set():
            self._make_certain(transport, deadline_s)
        inputs, wanted = [Sent(name, one) for name, one in feeds.items()], [Wanted(one.name) for one in self.outputs]
        if self._shares:
            try:
                inputs, wanted = memory.place(self._inputs.picture.name, feeds, timeout_s=_left_s(deadline_s))
            except (ServerRefusedError, OSError) as error:
                self._shares = False
                log.warning(
                    "%s: tensors go through the connection, since shared memory is refused: %s", self._address, error
                )
        answer = transport.infer(inputs, wanted, _left_s(deadline_s))
        if answer.version != self._version:
            if self._version is not None:
                self._make_certain(transport, deadline_s)
            self._version = answer.version
        return [self._output(answer, one, spec, memory) for one, spec in zip(wanted, self.outputs, strict=True)]

    def _output(self, answer: Answer, wanted: Wanted, spec: TensorSpec, memory: SharedTensors) -> NDArray[Any]:
        shape = answer.shapes.get(wanted.name)
        fits = shape is not None and len(shape) == len(spec.shape)
        if shape is None or not fits or any(n not in (None, m) for n, m in zip(spec.shape, shape, strict=True)):
            given = "nothing" if shape is None else shape_text(shape)
            raise ModelError(
                f"{self._address}: the server gives {given} for the output {wanted.name}, which it says is "
                f"{shape_text(spec.shape)}"
            )
        if wanted.part is not None:
            return memory.taken(wanted.part, shape, spec.dtype)
        tensor = answer.tensors[wanted.name]
        if tensor.dtype != spec.dtype or tensor.shape != shape:
            raise ModelError(f"{self._address}: the server gives {tensor.dtype} for {wanted.name}, not {spec.dtype}")
        return tensor

    def _make_certain(self, transport: Transport, deadline_s: float) -> None:
        """Look at the model again: the server may have begun anew, or loaded another version.

        Raises:
            ModelError: when it is another model.
        """
        try:
            now = _served(self._address, transport, deadline_s)
        except ServerRefusedError as error:
            raise ModelAwayError(f"{error}; the model is not there yet") from error
        if (now.inputs, now.outputs, now.metadata) != (self._model.inputs, self._model.outputs, self._model.metadata):
            raise ModelError(
                f"{self._address} is another model than it was: its tensors or its card differ; begin anew with it"
            )
        self._certain.set()

    def close(self) -> None:
        """Let go of the server; calling it twice is harmless."""
        transport = self._engine
        super().close()
        self._give_memory_back()
        if transport is not None:
            transport.close()

    def _give_memory_back(self) -> None:
        deadline_s = time.monotonic() + UNREGISTER_TIMEOUT_S
        with suppress(Empty):
            while True:
                self._memories.get_nowait().close(timeout_s=deadline_s - time.monotonic())


def _connected(address: ModelAddress, connections: int) -> Transport:
    endpoint = parse_endpoint(address)
    try:
        if endpoint.uses_grpc:
            from streamvision.inference.backends.kserve.grpc import GrpcTransport

            return GrpcTransport(endpoint, shown=str(address))
        from streamvision.inference.backends.kserve.http import HttpTransport

        return HttpTransport(endpoint, shown=str(address), connections=connections)
    except (ImportError, RuntimeError) as error:  # tritonclient raises the latter where gRPC is not installed
        if str(getattr(error, "name", "")).startswith("streamvision"):
            raise
        raise MissingDependencyError(f"models on servers need tritonclient: {install_command('kserve')}") from error


def _served(address: ModelAddress, transport: Transport, deadline_s: float) -> ServedModel:
    told = transport.metadata(_left_s(deadline_s))
    return described(address, told, transport.config(_left_s(deadline_s)))


def _left_s(deadline_s: float) -> float:
    return max(deadline_s - time.monotonic(), 0.001)
