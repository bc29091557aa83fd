"""A server that answers what no server should: each answer is one sentence, in bounded time and memory."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from streamvision.core.errors import ModelAwayError, ModelError
from streamvision.core.model_location import model_location
from streamvision.inference.backends import open_backend
from streamvision.inference.backends.base import Backend

pytest.importorskip("tritonclient.http")
TENSOR = np.zeros((1, 3, 8, 8), np.float32)
METADATA = {
    "name": "odd",
    "platform": "odd",
    "inputs": [{"name": "images", "datatype": "FP32", "shape": [1, 3, 8, 8]}],
    "outputs": [{"name": "output0", "datatype": "FP32", "shape": [1, 7, -1]}],
}
VALUES = np.arange(14, dtype=np.float32).tobytes()


GONE, NO_HTTP = 0, 1


class OddServer(ThreadingHTTPServer):
    """Describes a model as it should and answers calls with what it is told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.status, self.header, self.body = 200, {}, b""
        self.begin, self.drip = b"", b""
        self.read_s = 0.0
        self.metadata: dict[str, Any] = METADATA


class _Answers(BaseHTTPRequestHandler):
    server: OddServer

    def do_GET(self) -> None:
        if self.path.endswith("/config"):
            self._send(404, b"", {})
        elif self.path == "/v2":
            self._send(200, b'{"extensions": ["binary_tensor_data"]}', {})
        else:
            self._send(200, json.dumps(self.server.metadata).encode(), {})

    def do_POST(self) -> None:
        left = int(self.headers["Content-Length"])
        while left and (read := self.rfile.read(min(left, 1 << 20))):
            left -= len(read)
            time.sleep(self.server.read_s)
        if self.server.status == GONE:
            self.close_connection = True
            return
        if self.server.status == NO_HTTP:
            self.wfile.write(b"\0\0\x18\x04 no HTTP\n")
            self.close_connection = True
            return
        if not self.server.drip:
            self._send(self.server.status, self.server.body, self.server.header)
            return
        self.wfile.write(self.server.begin)
        while True:  # until the client is gone
            self.wfile.write(self.server.drip)
            time.sleep(0.05)

    def _send(self, status: int, body: bytes, header: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **header}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[OddServer]:
    server = OddServer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def opened(server: OddServer, timeout_s: float = 20.0) -> Backend:
    return open_backend(model_location(f"kserve://127.0.0.1:{server.server_port}/odd"), call_timeout_s=timeout_s)


def answer(server: OddServer, output: Any, *, binary: bytes = b"", length: int | None = None) -> None:
    head = json.dumps({"model_name": "odd", "model_version": "1", "outputs": output}).encode()
    server.body = head + binary
    server.header = {"Inference-Header-Content-Length": str(len(head) if length is None else length)}


def described(**changes: Any) -> dict[str, Any]:
    parameters = {"binary_data_size": len(VALUES)}
    return {"name": "output0", "datatype": "FP32", "shape": [1, 7, 2], "parameters": parameters} | changes


def test_a_good_answer_is_taken(server: OddServer) -> None:
    answer(server, [described()], binary=VALUES)
    (output,) = opened(server).run(TENSOR)
    assert output.shape == (1, 7, 2) and output.ravel().tolist() == list(range(14))


@pytest.mark.parametrize(
    ("output", "binary", "length"),
    [
        ([described()], VALUES[:20], None),
        ([described(parameters={"binary_data_size": -8})], VALUES, None),
        ([described(parameters={"binary_data_size": "much"})], VALUES, None),
        ([described(shape=[1, 7, 1 << 40])], VALUES, None),
        ([described(shape=[1, 8, 2])], VALUES, None),
        ([described(shape=[2])], VALUES, None),
        ([described(shape="ab")], VALUES, None),
        ([described(shape=[1, 7, float("inf")])], VALUES, None),
        ([described(datatype="BYTES", shape=[14])], b"\1\2", None),
        ([described(datatype="INT32")], VALUES, None),
        ([described(datatype="TEXT")], VALUES, None),
        ([described(name="another")], VALUES, None),
        ([described(parameters={}, data=[[["a"] * 2] * 7])], b"", None),
        ([], b"", None),
        (None, b"", None),
        ("outputs", b"", None),
        ([described()], VALUES, 7),
        ([described()], VALUES, 1 << 40),
        ([described()], VALUES, -1),
    ],
    ids=range(19),
)
def test_nonsense_is_one_sentence(server: OddServer, output: Any, binary: bytes, length: int | None) -> None:
    answer(server, output, binary=binary, length=length)
    with pytest.raises(ModelError, match=r"^kserve://127\.0\.0\.1:\d+/odd: the server") as caught:
        opened(server).run(TENSOR)
    assert "\n" not in str(caught.value) and not isinstance(caught.value, ModelAwayError)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 100_000, b"\xff\xfe", b"null"], ids=range(5))
def test_what_is_no_json_is_one_sentence(server: OddServer, body: bytes) -> None:
    server.body = body
    with pytest.raises(ModelError, match=r"the server's answer cannot be read"):
        opened(server).run(TENSOR)


@pytest.mark.parametrize(
    ("begin", "drip"),
    [
        ("200 OK\r\nContent-Length: 1000000\r\n\r\n", " "),
        ("200 OK\r\nX-Odd: ", "a"),
        ("100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"),
        ("200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;", "a"),
        ("200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", "X-Odd: a\r\n"),
    ],
    ids=["body", "header", "answers before the answer", "size of a chunk", "trailer"],
)
def test_an_answer_that_drips_ends_at_the_deadline(server: OddServer, begin: str, drip: str) -> None:
    server.begin, server.drip = f"HTTP/1.1 {begin}".encode(), drip.encode()
    begin_s = time.monotonic()
    with pytest.raises(ModelAwayError, match=r"does not answer .not in time"):
        opened(server, timeout_s=1.0).run(TENSOR)
    assert time.monotonic() - begin_s < 60, "and not after hours, or never"


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("127.0.0.1:1", r"the server does not answer \(Connection refused\)"),
        ("nowhere.invalid", r"the server does not answer \(Failed to resolve 'nowhere.invalid'"),
        ("xn--\u00df", r"is no name of a host; give another"),
    ],
)
def test_why_no_server_is_found_is_said(address: str, says: str) -> None:
    with pytest.raises(ModelError, match=rf"^kserve://{address}/odd: .*{says}"):
        open_backend(model_location(f"kserve://{address}/odd"))


def test_sending_may_take_longer_than_connecting(server: OddServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamvision.inference.backends.kserve.connections.CONNECT_TIMEOUT_S", 0.5)
    server.metadata = METADATA | {"inputs": [{"name": "images", "datatype": "FP32", "shape": [1, 3, 1200, 1200]}]}
    server.read_s = 0.1
    answer(server, [described()], binary=VALUES)
    (output,) = opened(server, timeout_s=120).run(np.zeros((1, 3, 1200, 1200), np.float32))
    assert output.shape == (1, 7, 2)


def test_numbers_in_words_have_a_bound(server: OddServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamvision.inference.backends.kserve.http._MAX_DOCUMENT_BYTES", 100)
    answer(server, [described(parameters={}, data=[1.5] * 14)])
    with pytest.raises(ModelError, match=r"cannot be read .\d+ bytes of it are words; ask by kserve\+grpc"):
        opened(server).run(TENSOR)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_proxy_before_a_server_that_is_gone_says_that_it_is_away(server: OddServer, status: int) -> None:
    server.status, server.body = status, b"<html>Bad Gateway</html>"
    with pytest.raises(ModelAwayError, match=f"the server is not ready .HTTP status {status}"):
        opened(server).run(TENSOR)


def test_a_connection_that_ends_without_an_answer_says_that_the_server_is_away(server: OddServer) -> None:
    server.status = GONE
    with pytest.raises(ModelAwayError, match="does not answer"):
        opened(server).run(TENSOR)


def test_what_is_no_http_is_said(server: OddServer) -> None:
    server.status = NO_HTTP
    with pytest.raises(ModelError, match="does not speak HTTP; is this its gRPC port"):
        opened(server).run(TENSOR)


def test_what_the_server_says_of_its_failure_is_told_on_one_line(server: OddServer) -> None:
    server.status, server.body = 500, json.dumps({"error": "CUDA out of memory\nat " + "x" * 9000}).encode()
    with pytest.raises(ModelError, match="the server answers CUDA out of memory at x") as caught:
        opened(server).run(TENSOR)
    assert not isinstance(caught.value, ModelAwayError) and len(str(caught.value)) < 2200
