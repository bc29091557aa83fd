"""Bounds on what a connection may do until its request has come whole, for uvicorn's HTTP protocol.

uvicorn waits for ever for the header of a request, and takes one of any size.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from weakref import proxy

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from streamvision.core.weak_method import weakly
from streamvision.web.asgi import CONNECTION, Scope
from streamvision.web.handshake import asks_websocket
from streamvision.web.open_connections import OpenConnections

HEADER_S = 10.0
"""Longest time until the header of a request is complete."""
MAX_HEADER_BYTES = 64 * 1024
SEND_BUFFER_BYTES = 256 * 1024
"""Holds one picture or two; with the kernel's own default, seconds of old pictures pile up before a slow viewer."""
UNSENT_BYTES = 64 * 1024
"""How much the kernel may hold that it has not even put on the wire yet."""
_HEADER_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n%s"
)
_SENTENCE = b'{"error": "the header of the request has more than %d bytes"}' % MAX_HEADER_BYTES


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a deadline and a limit for the header of each request."""

    def __init__(self, *args: Any, open_connections: OpenConnections, eviction_s: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self._open = open_connections
        self._eviction_s = eviction_s
        self._header_bytes = 0
        self._header_tail = b""
        self._deadline: asyncio.TimerHandle | None = None
        self._asks_upgrade = False
        self._receive: Callable[[bytes], None] | None = None
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
        self._open.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and of a header only so many."""
        if self._receive is not None:
            self._receive(data)
            return
        if self._asks_upgrade:
            self.abort()  # nothing may come before the answer
            return
        if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._await_request()
        if self._deadline is not None:
            self._header_bytes += self._header_part(data)
            if self._header_bytes > MAX_HEADER_BYTES:
                self.transport.write(_HEADER_TOO_LARGE % (len(_SENTENCE), _SENTENCE))
                self.transport.close()
                return
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Let the request take its time from here on; the application bounds that, and is given the connection."""
        self._end_of_header()
        self._open.note_silent(self)  # until its body has come, too
        super().on_headers_complete()
        scope: Scope = self.scope  # type: ignore[assignment]
        self._asks_upgrade = asks_websocket(self.headers)
        if self._asks_upgrade:
            self.cycle.keep_alive = False  # where it is refused, nothing tells where another request would begin
        scope[CONNECTION] = _Connection(
            self.transport, self.unsent_bytes, proxy(self.cycle), weakly(self._leave), weakly(self._receive_by)
        )

    def on_message_complete(self) -> None:
        """Note that the whole request has come."""
        self._open.note_asked(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Note that the next request may come."""
        super().on_response_complete()
        if self.cycle.response_complete:  # else one that came meanwhile is answered
            self._open.note_idle(self)

    @property
    def address(self) -> str:
        """Where the client is, without its port."""
        return self.client[0] if self.client else ""

    def abort(self) -> None:
        """Break the connection without waiting for anything."""
        self.transport.abort()

    def _leave(self) -> None:
        self._open.leave(self)

    def _receive_by(self, receive: Callable[[bytes], None]) -> None:
        self._receive = receive

    def _await_request(self) -> None:
        self._header_bytes = 0
        self._header_tail = b""
        self._deadline = self.loop.call_later(HEADER_S, self.abort)
        self._open.note_silent(self)

    def _header_part(self, data: bytes) -> int:
        """Return how many of the bytes that came belong to the header; a body may come with its end."""
        kept = len(self._header_tail)
        joined = self._header_tail + data
        end = joined.find(b"\r\n\r\n")
        self._header_tail = joined[-3:]
        return len(data) if end < 0 else end + 4 - kept

    def _end_of_header(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


@dataclass(frozen=True)
class _Connection:
    """The connection of one request; see :class:`streamvision.web.asgi.Connection`.

    The cycle and the protocol have the scope that it is a part of, so it keeps neither; the server keeps both while the
    request is answered.
    """

    transport: asyncio.Transport
    unsent_bytes: Callable[[], int]
    cycle: RequestResponseCycle
    note_live: Callable[[], None]
    receive_by: Callable[[Callable[[bytes], None]], None]

    def note_gone(self) -> None:
        self.cycle.disconnected = True

    def send_unframed(self) -> None:
        self.cycle.chunked_encoding = False

    def note_unframed(self, size_bytes: int) -> None:
        self.cycle.expected_content_length += size_bytes


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
