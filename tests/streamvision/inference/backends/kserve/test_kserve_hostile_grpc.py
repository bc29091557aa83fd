"""A gRPC server that answers what no server should."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from streamvision.core.errors import ModelError
from streamvision.core.model_location import model_location
from streamvision.inference.backends import open_backend
from streamvision.inference.backends.base import Backend

grpc = pytest.importorskip("grpc")
messages = pytest.importorskip("tritonclient.grpc").service_pb2

Answers = dict[str, bytes]


class _Odd(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers each call with bytes; those that it has none for are not implemented."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def service(self, call: Any) -> Any:
        name = call.method.rpartition("/")[2]
        return grpc.unary_unary_rpc_method_handler(lambda *_: self._answers[name]) if name in self._answers else None


@pytest.fixture
def opened() -> Iterator[Callable[[Answers], Backend]]:
    servers = []

    def opened(answers: Answers) -> Backend:
        server = grpc.server(ThreadPoolExecutor(2), handlers=[_Odd({"ServerMetadata": b""} | answers)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
        return open_backend(model_location(f"kserve+grpc://127.0.0.1:{port}/odd"), call_timeout_s=60)

    yield opened
    for server in servers:
        server.stop(None)


def metadata() -> Any:
    told = messages.ModelMetadataResponse(name="odd")
    told.inputs.add(name="images", datatype="FP32", shape=[1, 3, 8, 8])
    told.outputs.add(name="output0", datatype="UINT8", shape=[1, 7, 2])
    return told


def test_parameters_that_are_none_are_left_alone(opened: Callable[[Answers], Backend]) -> None:
    odd = b"\x32\x02\xff\xff" + b"\x32\x03abc"  # the field of parameters, with what is no message
    assert opened({"ModelMetadata": metadata().SerializeToString() + odd}).metadata == {}


def test_a_description_of_megabytes_is_refused(opened: Callable[[Answers], Backend]) -> None:
    told = metadata()
    told.versions.append("x" * (9 << 20))
    with pytest.raises(ModelError, match="the server says more than 8388608 bytes; is this a model"):
        opened({"ModelMetadata": told.SerializeToString()})
