"""A viewer on a slow link: it takes so many bytes a second from its connection, and no more."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from support.web_client import TIMEOUT_S

BURST_BYTES = 4096


@dataclass(frozen=True)
class Received:
    """One picture of the multiplexed response."""

    header: dict[str, Any]
    jpeg: bytes
    at_s: float
    """When its last byte was there (``time.monotonic()``)."""

    @property
    def age_s(self) -> float:
        """How old it was by then, for a server on this machine."""
        return float(self.at_s - self.header["sent_at_s"] + self.header["age_s"])


class SlowReader:
    """Reads ``/api/live`` through a token bucket."""

    def __init__(self, port: int, path: str, *, bytes_per_s: float) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self._socket.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        self._rate = bytes_per_s
        self._tokens, self._filled_at_s = 0.0, time.monotonic()
        self._buffer = b""
        self._until(b"\r\n\r\n")

    def pictures(self, seconds: float) -> Iterator[Received]:
        """Yield what comes within that time."""
        deadline_s = time.monotonic() + seconds
        while time.monotonic() < deadline_s:
            header = json.loads(self._until(b"\n"))
            jpeg = self._take(header["jpeg_bytes"])
            if jpeg:
                yield Received(header, jpeg, time.monotonic())

    def records(self, seconds: float) -> Iterator[tuple[dict[str, Any], bytes, float]]:
        """Yield the lines of all records that come within that time, what is behind each, and when it was there."""
        deadline_s = time.monotonic() + seconds
        while time.monotonic() < deadline_s:
            header = json.loads(self._until(b"\n"))
            data = self._take(header["bytes"] if "bytes" in header else header["jpeg_bytes"])
            yield header, data, time.monotonic()

    def close(self) -> None:
        self._socket.close()

    def _until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            self._read()
        found, _, self._buffer = self._buffer.partition(end)
        return found

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._read()
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _read(self) -> None:
        time.sleep(0.02)
        now_s = time.monotonic()
        self._tokens = min(self._tokens + self._rate * (now_s - self._filled_at_s), BURST_BYTES)
        self._filled_at_s = now_s
        if self._tokens >= 1:
            data = self._socket.recv(int(self._tokens))
            assert data, "the response has ended"
            self._tokens -= len(data)
            self._buffer += data
