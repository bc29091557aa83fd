"""Bounds on what a connection may do before it has made a request, for uvicorn's HTTP protocol.

uvicorn waits for ever for the header of a request, and takes one of any size.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from streamvision.web.asgi import CONNECTION, Scope

HEADER_S = 10.0
"""Longest time until the header of a request is complete."""
MAX_HEADER_BYTES = 64 * 1024
MAX_SILENT = 512
"""Connections that have not made their request for :data:`SILENT_S`; with one more, the oldest of them is closed."""
MAX_SILENT_OF_ADDRESS = 64
"""The same for one address, so that one machine cannot push the others out."""
SILENT_S = 1.0
"""A younger connection may be one of many that came at once, and whose request lies here unread."""
SEND_BUFFER_BYTES = 256 * 1024
"""Holds one picture or two; with the kernel's own default, seconds of old pictures pile up before a slow viewer."""
UNSENT_BYTES = 64 * 1024
"""How much the kernel may hold that it has not even put on the wire yet."""
_HEADER_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n%s"
)
_SENTENCE = b'{"error": "the header of the request has more than %d bytes"}' % MAX_HEADER_BYTES


class SilentConnection(Protocol):
    """One whose request has not come yet."""

    @property
    def address(self) -> str:
        """Where the client is, without its port."""

    def abort(self) -> None:
        """Break it without waiting for anything."""


class SilentConnections:
    """Connections whose request has not come yet, oldest first. Used on one event loop."""

    def __init__(self) -> None:
        self._since_s: dict[SilentConnection, float] = {}

    def add(self, protocol: SilentConnection) -> None:
        """Note one more, and close the oldest where there are too many."""
        now_s = time.monotonic()
        silent = [one for one, since_s in self._since_s.items() if now_s - since_s > SILENT_S]
        same = [one for one in silent if one.address == protocol.address]
        if len(same) >= MAX_SILENT_OF_ADDRESS:
            same[0].abort()
        elif len(silent) >= MAX_SILENT:
            silent[0].abort()
        self._since_s[protocol] = now_s

    def remove(self, protocol: SilentConnection) -> None:
        """Forget one that has made its request, or has gone."""
        self._since_s.pop(protocol, None)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a deadline and a limit for the header of each request."""

    def __init__(self, *args: Any, silent: SilentConnections, eviction_s: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self._silent = silent
        self._eviction_s = eviction_s
        self._header_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self.unsent_bytes: Callable[[], int] = lambda: 0
        """Tells how much of what was written still waits on this machine."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        prepare_socket(transport.get_extra_info("socket"), eviction_s=self._eviction_s)
        self.unsent_bytes = transport.get_write_buffer_size
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._end_of_header()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and of a header only so many."""
        if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._await_request()
        if self._deadline is not None:
            self._header_bytes += len(data)
            if self._header_bytes > MAX_HEADER_BYTES:
                self.transport.write(_HEADER_TOO_LARGE % (len(_SENTENCE), _SENTENCE))
                self.transport.close()
                return
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Let the request take its time from here on; the application bounds that, and is given the connection."""
        self._end_of_header()
        super().on_headers_complete()
        scope: Scope = self.scope  # type: ignore[assignment]
        scope[CONNECTION] = _Connection(self.transport, self.unsent_bytes, self.cycle)

    @property
    def address(self) -> str:
        """Where the client is, without its port."""
        return self.client[0] if self.client else ""

    def abort(self) -> None:
        """Break the connection without waiting for anything."""
        self.transport.abort()

    def _await_request(self) -> None:
        self._header_bytes = 0
        self._deadline = self.loop.call_later(HEADER_S, self.abort)
        self._silent.add(self)

    def _end_of_header(self) -> None:
        self._silent.remove(self)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


@dataclass(frozen=True)
class _Connection:
    """The connection of one request; see :class:`streamvision.web.asgi.Connection`."""

    transport: asyncio.Transport
    unsent_bytes: Callable[[], int]
    cycle: RequestResponseCycle

    def send_unframed(self) -> None:
        self.cycle.chunked_encoding = False


def prepare_socket(sock: socket.socket, *, eviction_s: float) -> None:
    """Leave little room for old pictures, and let the kernel notice a vanished peer."""
    options = {
        "TCP_NODELAY": 1,
        "TCP_NOTSENT_LOWAT": UNSENT_BYTES,
        "TCP_KEEPIDLE": max(1, int(eviction_s / 2)),
        "TCP_KEEPINTVL": max(1, int(eviction_s / 5)),
        "TCP_KEEPCNT": 2,
        "TCP_USER_TIMEOUT": int(2 * eviction_s * 1000),  # later than the eviction, which is counted
    }
    with suppress(OSError):  # they refine, nothing rests on them
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in options.items():
            if hasattr(socket, name):  # not every system knows them all
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
