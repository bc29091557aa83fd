"""Many viewers of MJPEG or of live video in one process, driven by one selector; some of them never read.

``python -m streamvision.bench.viewer_clients PORT PATH VIEWERS STALLED SECONDS [tls]`` connects them to 127.0.0.1,
counts the pictures of each once all have had one, and writes one JSON document to standard output.
"""

from __future__ import annotations

import contextlib
import json
import resource
import selectors
import socket
import ssl
import sys
import time
from typing import Any

RECEIVE_BYTES = 1 << 20
CONNECT_TIMEOUT_S = 30.0
MAX_HEADER_BYTES = 8192


class Viewer:
    """One connection: it reads the response's header, then part after part."""

    MINOR_VERSION = 1
    """Of HTTP."""
    END_OF_HEAD = b"\r\n\r\n"
    """Ends what is before a picture."""

    def __init__(self, port: int, path: str, tls: ssl.SSLContext | None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=CONNECT_TIMEOUT_S)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket)
        self._tls = tls is not None
        self.socket.sendall(f"GET {path} HTTP/1.{self.MINOR_VERSION}\r\nHost: 127.0.0.1\r\n\r\n".encode())
        self.socket.setblocking(False)
        self.pictures = 0
        """Whole pictures received."""
        self.closed = False
        """Whether the server has ended the connection."""
        self._left = 0
        self._head = b""

    def receive(self, buffer: memoryview) -> None:
        """Take what there is; a selector does not see what TLS has taken from the socket already."""
        while self._receive(buffer) and self._tls:
            pass

    def _receive(self, buffer: memoryview) -> bool:
        try:
            size = self.socket.recv_into(buffer)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            size = 0
        if size == 0:
            self.closed = True
            return False
        self._count(buffer, size)
        return True

    def _count(self, buffer: memoryview, size: int) -> None:
        at = 0
        while at < size:
            if self._left > 0:
                step = min(self._left, size - at)
                self._left -= step
                at += step
                self.pictures += self._left == 0
                continue
            # Headers are short, so that copying a few hundred bytes at a time is cheap.
            chunk = bytes(buffer[at : min(at + 512, size)])
            end = (self._head + chunk).find(self.END_OF_HEAD)
            if end < 0:
                self._head += chunk
                at += len(chunk)
                if len(self._head) > MAX_HEADER_BYTES:
                    raise ValueError("the server sent something else than pictures")
                continue
            at += end + len(self.END_OF_HEAD) - len(self._head)
            self._left = self._size((self._head + chunk)[:end])
            self._head = b""

    def _size(self, head: bytes) -> int:
        return _content_length(head)


class PacketViewer(Viewer):
    """One that takes records of live video; without chunks, since it speaks HTTP/1.0."""

    MINOR_VERSION = 0
    END_OF_HEAD = b"\n"

    def _size(self, head: bytes) -> int:
        return int(head[head.rindex(b":") + 1 : -1]) if b'"packet"' in head else 0


def _content_length(header: bytes) -> int:
    for line in header.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def watch(port: int, path: str, *, viewers: int, stalled: int, seconds: float, tls: bool = False) -> dict[str, Any]:
    """Connect, wait until every viewer has a picture, and count for so many seconds."""
    allow_open_files(viewers + stalled + 64)
    selector = selectors.DefaultSelector()
    context = ssl._create_unverified_context() if tls else None  # the certificate is made for this measurement
    kind = PacketViewer if "layer=" in path else Viewer
    silent = [kind(port, path, context) for _ in range(stalled)]
    buffer = memoryview(bytearray(RECEIVE_BYTES))
    watching: list[Viewer] = []
    for _ in range(viewers):
        watching.append(kind(port, path, context))
        selector.register(watching[-1].socket, selectors.EVENT_READ, watching[-1])
        _receive(selector, buffer, timeout_s=0.0)  # those that read nothing for ten seconds are evicted
    deadline_s = time.monotonic() + CONNECT_TIMEOUT_S
    while not all(viewer.pictures or viewer.closed for viewer in watching) and time.monotonic() < deadline_s:
        _receive(selector, buffer)
    begin_s, cpu_s = time.monotonic(), time.process_time()
    before = [viewer.pictures for viewer in watching]
    while time.monotonic() < begin_s + seconds:
        _receive(selector, buffer)
    wall_s = time.monotonic() - begin_s
    found = {
        "fps": [round((viewer.pictures - had) / wall_s, 3) for viewer, had in zip(watching, before, strict=True)],
        "closed": sum(viewer.closed for viewer in watching),
        "cpu_percent": round(100 * (time.process_time() - cpu_s) / wall_s, 1),
        "seconds": round(wall_s, 3),
    }
    for viewer in [*watching, *silent]:
        with contextlib.suppress(OSError):
            viewer.socket.close()
    return found


def _receive(selector: selectors.BaseSelector, buffer: memoryview, *, timeout_s: float = 0.1) -> None:
    for key, _ in selector.select(timeout=timeout_s):
        viewer: Viewer = key.data
        viewer.receive(buffer)
        if viewer.closed:
            selector.unregister(viewer.socket)


def allow_open_files(count: int) -> None:
    """Let this process have so many files and connections open, as far as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


if __name__ == "__main__":
    port, path, viewers, stalled, seconds, *further = sys.argv[1:]
    counts = {"viewers": int(viewers), "stalled": int(stalled)}
    json.dump(watch(int(port), path, **counts, seconds=float(seconds), tls=further == ["tls"]), sys.stdout)
