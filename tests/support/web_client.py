"""Small HTTP clients for the web tests."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import simplejpeg

TIMEOUT_S = 60.0
"""Of whatever waits for a server: a busy machine takes ten times as long as an idle one."""


def get(port: int, path: str, *, method: str = "GET") -> tuple[int, http.client.HTTPMessage, bytes]:
    """Return status, headers and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def get_json(port: int, path: str) -> tuple[int, Any]:
    """Return status and parsed body."""
    status, headers, body = get(port, path)
    assert headers["Content-Type"] == "application/json"
    return status, json.loads(body)


def post_json(port: int, path: str, body: Any, **headers: str) -> tuple[int, Any]:
    """Send JSON, or bytes as they are; return status and parsed body. Header names have ``_`` for ``-``."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
    try:
        connection.request("POST", path, data, fields)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@contextmanager
def opened(port: int, path: str, headers: Mapping[str, str] = {}) -> Iterator[http.client.HTTPResponse]:
    """Open a live response for the length of the block."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path, headers=dict(headers))
        with connection.getresponse() as response:
            yield response
    finally:
        connection.close()


def read_part(response: http.client.HTTPResponse) -> bytes:
    """Read one part of a plain multipart response and return its picture."""
    assert response.readline() == b"--frame\r\n"
    headers = http.client.parse_headers(response)
    picture = response.read(int(headers["Content-Length"]))
    assert response.readline() == b"\r\n"
    assert simplejpeg.is_jpeg(picture)
    return picture


def read_record(response: http.client.HTTPResponse, *, heartbeats: bool = False) -> tuple[dict[str, Any], bytes]:
    """Read one record of the multiplexed response; heartbeats, which come where nothing else does, when asked for."""
    while True:
        header = json.loads(response.readline())
        data = response.read(header["jpeg_bytes"])
        if heartbeats or "heartbeat" not in header:
            return header, data


def read_event(response: http.client.HTTPResponse) -> tuple[str, Any]:
    """Read one server-sent event and return its name and data."""
    fields: dict[str, str] = {}
    while True:
        line = response.readline().decode()
        assert line, "the event stream ended"
        if line == "\n" and "data" in fields:
            return fields["event"], json.loads(fields["data"])
        name, _, value = line.rstrip("\n").partition(": ")
        fields[name] = value


def raw_viewer(port: int, path: str, *, receive_buffer_bytes: int | None = None) -> socket.socket:
    """Ask for a live response and read nothing of it."""
    sock = socket.socket()
    if receive_buffer_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    sock.settimeout(TIMEOUT_S)
    sock.connect(("127.0.0.1", port))
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return sock


def silent_client(port: int, said: bytes) -> socket.socket:
    """Connect, say something, and wait."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
    with suppress(OSError):  # it may be closed at once
        sock.sendall(said)
    return sock


def is_closed(sock: socket.socket) -> bool:
    """Return whether the other side has closed a connection; what it has said is passed over."""
    sock.setblocking(False)
    try:
        while sock.recv(65536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def eventually(holds: Callable[[], bool], *, within_s: float = TIMEOUT_S) -> bool:
    """Wait until something holds; return whether it did."""
    deadline_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True
