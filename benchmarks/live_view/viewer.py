"""Viewers that take what is sent and look at nothing.

``python -m benchmarks.live_view.viewer PORT PATH COUNT SECONDS`` prints a line of JSON once all had something, and
one at the end: the bytes that each took in those seconds. A path that begins with ``ws:`` is asked for as a WebSocket.
"""

from __future__ import annotations

import base64
import json
import os
import selectors
import socket
import sys
import time

_BUFFER = bytearray(1 << 20)
_CONNECTS_WITHIN_S = 20.0


def main(port: int, path: str, count: int, seconds: float) -> None:
    """Connect, count, and print."""
    upgrade = ""
    if path.startswith("ws:"):
        path = path.removeprefix("ws:")
        key = base64.b64encode(os.urandom(16)).decode()
        upgrade = (
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        )
    selector = selectors.DefaultSelector()
    got: dict[socket.socket, int] = {}
    for _ in range(count):
        one = socket.create_connection(("127.0.0.1", port), timeout=_CONNECTS_WITHIN_S)
        one.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{upgrade}\r\n".encode())
        head = one.recv(65536)
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 101")):
            raise SystemExit(f"{path} was answered {head[:200].decode(errors='replace')!r}")
        one.setblocking(False)
        selector.register(one, selectors.EVENT_READ)
        got[one] = 0
    begin_s = time.monotonic()
    while min(got.values()) < 4096 and time.monotonic() < begin_s + _CONNECTS_WITHIN_S:
        _receive(selector, got)
    before, begin_s = dict(got), time.monotonic()
    print(json.dumps({"begun_s": begin_s}), flush=True)
    while time.monotonic() < begin_s + seconds:
        _receive(selector, got)
    took_s = time.monotonic() - begin_s
    print(json.dumps({"seconds": took_s, "bytes": [got[one] - before[one] for one in got]}), flush=True)


def _receive(selector: selectors.BaseSelector, got: dict[socket.socket, int]) -> None:
    for key, _ in selector.select(0.2):
        one = key.fileobj
        assert isinstance(one, socket.socket)
        count = one.recv_into(_BUFFER)
        if not count:
            raise SystemExit("the server closed the connection")
        got[one] += count


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
