"""The Open Inference Protocol over HTTP: tritonclient writes and reads the bodies, urllib3 carries them.

tritonclient's own HTTP client belongs to the thread that made it, since gevent carries it, and bounds each read, not
the call.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from http.client import BadStatusLine, RemoteDisconnected
from typing import Any
from urllib.parse import quote

import tritonclient.http
import urllib3

from streamvision.core.errors import ModelAwayError, ModelError
from streamvision.inference.backends.kserve.address import Endpoint
from streamvision.inference.backends.kserve.connections import Pool, TlsPool
from streamvision.inference.backends.kserve.transport import (
    BINARY,
    MAX_ANSWER_BYTES,
    MAX_DESCRIPTION_BYTES,
    Answer,
    Sent,
    ServerRefusedError,
    Transport,
    Wanted,
    one_line,
)
from streamvision.inference.tensors import last_line

_HEADER_LENGTH = "Inference-Header-Content-Length"
_AWAY = (429, 502, 503, 504)
"""What a server, or a proxy before it, answers while it begins, ends or is too busy."""
_CHUNK_BYTES = 1 << 20
_MAX_REASON_BYTES = 64 << 10
_MAX_DOCUMENT_BYTES = 128 << 20
"""Most of an answer that is JSON, lists of numbers included: once read they take ten times as much."""
_ERRNO = re.compile(r"\[Errno -?\d+\] ")

log = logging.getLogger(__name__)


class HttpTransport(Transport):
    """Asks over HTTP/1.1, with one connection for each call under way."""

    tensors = tritonclient.http

    def __init__(self, endpoint: Endpoint, *, shown: str, connections: int) -> None:
        super().__init__(endpoint, shown=shown)
        pool = TlsPool if endpoint.uses_tls else Pool
        try:
            self._pool = pool(endpoint.host, endpoint.port, maxsize=connections, block=False, retries=False)
        except urllib3.exceptions.LocationValueError as error:
            raise ModelError(f"{shown}: {endpoint.host} is no name of a host; give another") from error
        self._headers = {} if endpoint.authorization is None else {"Authorization": endpoint.authorization}
        version = f"/versions/{quote(endpoint.version, safe='')}" if endpoint.version else ""
        self.binary = True
        """Whether tensors go as bytes, which servers need not take; lists of numbers take ten times as long."""
        self._model = f"/v2/models/{quote(endpoint.model, safe='')}{version}"

    def extensions(self, timeout_s: float) -> frozenset[str]:
        """Return which extensions of the protocol the server has."""
        told = self._json("GET", "/v2", timeout_s)
        named = told.get("extensions") if isinstance(told, dict) else None
        found = frozenset(one for one in named if isinstance(one, str)) if isinstance(named, list) else frozenset()
        self.binary = BINARY in found
        if not self.binary:
            log.warning("%s: the server takes tensors as lists of numbers alone, which is slow: use gRPC", self.shown)
        return found

    def metadata(self, timeout_s: float) -> object:
        """Return what the server says of the model."""
        return self._json("GET", self._model, timeout_s)

    def config(self, timeout_s: float) -> object | None:
        """Return the model's configuration; ``None`` where the server has no such thing."""
        try:
            told: object = self._json("GET", f"{self._model}/config", timeout_s)
            return told
        except ServerRefusedError:
            return None

    def is_ready(self, timeout_s: float) -> bool:
        """Say whether the model can be used now."""
        try:
            self._asked_for("GET", f"{self._model}/ready", timeout_s, limit=MAX_DESCRIPTION_BYTES)
        except ModelError:
            return False
        return True

    def infer(self, inputs: Sequence[Sent], outputs: Sequence[Wanted], timeout_s: float) -> Answer:
        """Run the model."""
        client = tritonclient.http.InferenceServerClient
        given = self._given(inputs, binary_data=self.binary)
        asked = self._asked(outputs, binary_data=self.binary)
        body, header_length = client.generate_request_body(given, outputs=asked)
        headers = {"Content-Type": "application/json" if header_length is None else "application/octet-stream"}
        if header_length is not None:
            headers[_HEADER_LENGTH] = str(header_length)
        path = f"{self._model}/infer"
        answer, told = self._asked_for("POST", path, timeout_s, body=body, headers=headers, limit=MAX_ANSWER_BYTES)
        try:
            length = int(told.get(_HEADER_LENGTH, len(answer)))
            if length > _MAX_DOCUMENT_BYTES:
                raise ValueError(f"{length} bytes of it are words; ask by kserve+grpc")
            result = client.parse_response_body(answer, header_length=length if _HEADER_LENGTH in told else None)
            document = result.get_response()
            shapes = {one["name"]: tuple(map(int, one["shape"])) for one in document["outputs"]}
            tensors = {one.name: result.as_numpy(one.name) for one in outputs if one.part is None}
            return Answer(tensors, shapes, str(document.get("model_version") or ""))
        except Exception as error:  # of tritonclient, numpy and struct, each with kinds of their own
            raise ModelError(f"{self.shown}: the server's answer cannot be read ({last_line(error)})") from error

    def register(self, region: str, key: str, size: int, timeout_s: float) -> None:
        """Tell the server of a region of shared memory."""
        body = json.dumps({"key": key, "offset": 0, "byte_size": size}).encode()
        path = f"/v2/systemsharedmemory/region/{quote(region)}/register"
        self._asked_for("POST", path, timeout_s, body=body, limit=MAX_DESCRIPTION_BYTES)

    def unregister(self, region: str, timeout_s: float) -> None:
        """Let the server forget a region."""
        path = f"/v2/systemsharedmemory/region/{quote(region)}/unregister"
        self._asked_for("POST", path, timeout_s, body=b"", limit=MAX_DESCRIPTION_BYTES)

    def drop_connections(self) -> None:
        """Nothing to do: a connection that failed is closed, and its call's next try gets another."""

    def close(self) -> None:
        """Let go of the server."""
        self._pool.close()

    def _json(self, method: str, path: str, timeout_s: float) -> Any:
        answer, _ = self._asked_for(method, path, timeout_s, limit=MAX_DESCRIPTION_BYTES)
        try:
            return json.loads(answer)
        except (ValueError, RecursionError) as error:
            raise self._refused(f"what is no JSON ({last_line(error)}); is this its HTTP port?") from error

    def _asked_for(
        self,
        method: str,
        path: str,
        timeout_s: float,
        *,
        limit: int,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[bytes, Mapping[str, str]]:
        """Send a request and return the answer and its header."""
        try:
            response = self._pool.urlopen(
                method,
                path,
                body=body,
                headers={**self._headers, **(headers or {})},
                timeout=urllib3.Timeout(total=timeout_s),
                preload_content=False,
                redirect=False,
                decode_content=False,
            )
            try:
                answer = self._read(response, limit)
                response.release_conn()
            except BaseException:
                response.close()  # what is left in it must not be taken for another answer
                raise
        except (urllib3.exceptions.HTTPError, OSError) as error:
            causes = [one for one in error.args if isinstance(one, BadStatusLine)]
            if causes and not isinstance(causes[0], RemoteDisconnected):
                raise ModelError(f"{self.shown}: the server does not speak HTTP; is this its gRPC port?") from error
            raise ModelAwayError(f"{self.shown}: the server does not answer ({_cause(error)})") from error
        if response.status == 200:
            return answer, response.headers
        said = _reason(answer) or f"HTTP status {response.status}"
        if response.status in _AWAY:
            raise ModelAwayError(f"{self.shown}: the server is not ready ({one_line(said)})")
        raise self._refused(said)

    def _read(self, response: urllib3.BaseHTTPResponse, limit: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        while part := response.read1(_CHUNK_BYTES):
            parts.append(part)
            size += len(part)
            if size > limit:
                raise ModelError(f"{self.shown}: the server's answer has more than {limit} bytes; is this a model?")
        return b"".join(parts)


def _reason(answer: bytes) -> str:
    """Return what a server says beside a status that is none of success."""
    text = answer[:_MAX_REASON_BYTES].decode(errors="replace")
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return "" if text.lstrip().startswith("<") else text.strip()  # a page of a proxy says nothing more
    return str(said.get("error") or said) if isinstance(said, dict) else text.strip()


def _cause(error: BaseException) -> str:
    """Return what a fault of urllib3 comes down to, without the pool and the address in its words."""
    is_refused = isinstance(error, urllib3.exceptions.NewConnectionError)  # which urllib3 counts among the others
    if isinstance(error, (urllib3.exceptions.TimeoutError, TimeoutError)) and not is_refused:
        return "not in time"
    for inner in (getattr(error, "reason", None), *error.args):
        if isinstance(inner, BaseException):
            return _cause(inner)
    said = last_line(error)
    return _ERRNO.sub("", said.rpartition(": ")[2] or said)
