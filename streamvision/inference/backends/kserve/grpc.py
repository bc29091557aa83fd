"""The Open Inference Protocol over gRPC, by tritonclient."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import tritonclient.grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException

from streamvision.core.errors import ModelAwayError, ModelError
from streamvision.inference.backends.kserve.address import Endpoint
from streamvision.inference.backends.kserve.description import DTYPES
from streamvision.inference.backends.kserve.transport import (
    MAX_ANSWER_BYTES,
    MAX_DESCRIPTION_BYTES,
    Answer,
    Sent,
    ServerRefusedError,
    Transport,
    Wanted,
)
from streamvision.inference.tensors import last_line

_AWAY = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "ABORTED", "RESOURCE_EXHAUSTED")
"""What gRPC says where the server does not answer, or not in time."""
_TOO_LARGE = "larger than max"
"""What gRPC says of a message that the other side does not take; MLServer takes 4 MB where nobody says otherwise."""
_CHANNEL = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.use_local_subchannel_pool", 1),
]
"""A server that is back is found within two seconds; a new channel does not begin with an old one's connection."""
_PARAMETERS = 6
"""Number of the field of a model's metadata with MLServer's parameters, or the protocol's own properties."""
_STRING_PARAMETER, _STRING_TAG = 3, b"\x1a"
"""Number of the field of a parameter with its text, and what its bytes begin with then; properties are texts."""
_CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
}
"""Where the values of an output stand, by its type, where the server does not send them as bytes."""
_MAX_LISTED = 1 << 25
"""Most numbers of such an output: once read they take ten times as much."""


class GrpcTransport(Transport):
    """Asks over one channel, which all calls share."""

    tensors = tritonclient.grpc

    def __init__(self, endpoint: Endpoint, *, shown: str) -> None:
        super().__init__(endpoint, shown=shown)
        self._headers = None if endpoint.authorization is None else {"authorization": endpoint.authorization}
        self._model = {"model_name": endpoint.model, "model_version": endpoint.version}
        self._lock = threading.Lock()
        self._client = self._connected()

    def extensions(self, timeout_s: float) -> frozenset[str]:
        """Return which extensions of the protocol the server has."""
        return frozenset(self._description("get_server_metadata", timeout_s).extensions)

    def metadata(self, timeout_s: float) -> object:
        """Return what the server says of the model."""
        told = self._description("get_model_metadata", timeout_s, **self._model)
        document: dict[str, Any] = MessageToDict(told, preserving_proto_field_name=True)
        return {**document, "parameters": _parameters(told)}

    def config(self, timeout_s: float) -> object | None:
        """Return the model's configuration; ``None`` where the server has no such thing."""
        try:
            told = self._description("get_model_config", timeout_s, **self._model)
        except ServerRefusedError:
            return None
        document: dict[str, Any] = MessageToDict(told, preserving_proto_field_name=True)
        return document.get("config")

    def is_ready(self, timeout_s: float) -> bool:
        """Say whether the model can be used now."""
        try:
            return bool(self._call("is_model_ready", timeout_s, **self._model))
        except ModelError:
            return False

    def infer(self, inputs: Sequence[Sent], outputs: Sequence[Wanted], timeout_s: float) -> Answer:
        """Run the model."""
        asked = {"inputs": self._given(inputs), "outputs": self._asked(outputs), **self._model}
        response = self._call("infer", timeout_s, **asked).get_response()
        try:
            shapes = {output.name: tuple(output.shape) for output in response.outputs}
            tensors = {one.name: _tensor(response, one.name) for one in outputs if one.part is None}
            return Answer(tensors, shapes, response.model_version)
        except Exception as error:  # of numpy and protobuf, each with kinds of their own
            raise ModelError(f"{self.shown}: the server's answer cannot be read ({last_line(error)})") from error

    def register(self, region: str, key: str, size: int, timeout_s: float) -> None:
        """Tell the server of a region of shared memory."""
        self._call("register_system_shared_memory", timeout_s, name=region, key=key, byte_size=size)

    def unregister(self, region: str, timeout_s: float) -> None:
        """Let the server forget a region."""
        self._call("unregister_system_shared_memory", timeout_s, name=region)

    def drop_connections(self) -> None:
        """Begin with a new channel; calls that are under way on the old one fail."""
        with self._lock:
            before, self._client = self._client, self._connected()
        with suppress(Exception):
            before.close()

    def close(self) -> None:
        """Let go of the server."""
        with suppress(Exception):
            self._client.close()

    def _connected(self) -> Any:
        return tritonclient.grpc.InferenceServerClient(
            self.endpoint.server, ssl=self.endpoint.uses_tls, channel_args=_CHANNEL
        )

    def _description(self, method: str, timeout_s: float, **arguments: Any) -> Any:
        told = self._call(method, timeout_s, **arguments)
        if told.ByteSize() > MAX_DESCRIPTION_BYTES:
            raise ModelError(f"{self.shown}: the server says more than {MAX_DESCRIPTION_BYTES} bytes; is this a model?")
        return told

    def _call(self, method: str, timeout_s: float, **arguments: Any) -> Any:
        asked: Callable[..., Any] = getattr(self._client, method)
        try:
            return asked(**arguments, headers=self._headers, client_timeout=timeout_s)
        except InferenceServerException as error:
            status = str(error.status() or "").rpartition(".")[2]
            said = error.message() or status
            if _TOO_LARGE in said:
                raise self._refused(
                    f"{said}: let it take larger messages (MLServer: grpc_max_message_length)"
                ) from error
            if status in _AWAY:
                raise ModelAwayError(
                    f"{self.shown}: the server does not answer ({last_line(Exception(said))})"
                ) from error
            raise self._refused(said) from error
        except ValueError as error:  # gRPC raises it where the channel was closed by another thread
            raise ModelAwayError(f"{self.shown}: the connection was given up ({last_line(error)})") from error


def _parameters(told: Any) -> dict[str, str]:
    """Return the texts among a model's parameters or properties, a field that others than Triton have."""
    found: dict[str, str] = {}
    for entry in _fields(told).get(_PARAMETERS, ()):
        with suppress(DecodeError, UnicodeDecodeError):
            pair = _fields(Empty.FromString(entry))
            (key, *_), (value, *_) = pair.get(1, [b""]), pair.get(2, [b""])
            texts = _fields(Empty.FromString(value)).get(_STRING_PARAMETER) if value[:1] == _STRING_TAG else [value]
            found[key.decode()] = (texts or [value])[0].decode()
    return found


def _fields(message: Any) -> dict[int, list[bytes]]:
    """Return the fields of a message that hold bytes and that its class does not know, by number."""
    found: dict[int, list[bytes]] = {}
    for field in UnknownFieldSet(message):
        if isinstance(field.data, bytes):
            found.setdefault(field.field_number, []).append(field.data)
    return found


def _tensor(response: Any, name: str) -> NDArray[Any]:
    """Return an output of an answer, whose values are bytes with Triton and lists with others."""
    for index, output in enumerate(response.outputs):
        if output.name == name:
            dtype = np.dtype(DTYPES[output.datatype])
            if index < len(response.raw_output_contents):
                values = np.frombuffer(response.raw_output_contents[index], dtype)
            else:
                listed = getattr(output.contents, _CONTENTS[output.datatype])
                if len(listed) > _MAX_LISTED:
                    raise ValueError(f"it lists {len(listed)} numbers")
                values = np.array(listed, dtype)
            return values.reshape(tuple(output.shape))
    raise KeyError(f"it has no output {name}")
