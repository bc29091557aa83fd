"""TLS handshakes under the same bounds as headers: a deadline, and so many silent connections.

asyncio waits a minute for a handshake and names a connection only after it, so that whoever opens connections and says
nothing would take all of the process's files.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from typing import Any, cast

from streamvision.web import connections
from streamvision.web.connections import UNSENT_BYTES, BoundedProtocol
from streamvision.web.open_connections import OpenConnections

SHUTDOWN_S = 2.0
"""Longest wait for a client's goodbye."""
_OPTIONS: dict[str, Any] = {"ssl_shutdown_timeout": SHUTDOWN_S} if sys.version_info >= (3, 11) else {}


class TlsHandshake(asyncio.Protocol):
    """A new connection up to the end of its handshake; from then on it is that of HTTP.

    Args:
        protocol: what speaks HTTP.
        context: the certificate.
        open_connections: all connections but those of viewers.
    """

    def __init__(
        self, protocol: BoundedProtocol, *, context: ssl.SSLContext, open_connections: OpenConnections
    ) -> None:
        self._protocol = protocol
        self._context = context
        self._open = open_connections
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self.address = ""
        """Where the client is, without its port."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.pause_reading()  # what comes is the handshake's
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if isinstance(peer, tuple) else ""
        self._open.note_silent(self)
        self._task = asyncio.get_running_loop().create_task(self._shake_hands(self._transport))

    def abort(self) -> None:
        """Break the connection without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()

    async def _shake_hands(self, transport: asyncio.Transport) -> None:
        early = _Early()
        try:
            tls = await asyncio.get_running_loop().start_tls(
                transport,
                early,
                self._context,
                server_side=True,
                ssl_handshake_timeout=connections.HEADER_S,
                **_OPTIONS,
            )
        except OSError:  # of the handshake, of the network, or its time is over; the transport is closed already
            return
        finally:
            self._open.leave(self)
        if tls is None or early.is_lost:
            return
        tls.set_write_buffer_limits(high=UNSENT_BYTES)  # with asyncio's own, seconds of old pictures pile up
        tls.set_protocol(self._protocol)
        self._protocol.connection_made(tls)
        # The two layers hold back each on its own, and TLS counts only what the one below does not take.
        transport.set_write_buffer_limits(high=0)
        self._protocol.unsent_bytes = lambda: tls.get_write_buffer_size() + transport.get_write_buffer_size()
        if early.data:
            self._protocol.data_received(bytes(early.data))


class _Early(asyncio.Protocol):
    """Keeps what comes with the last message of a handshake, before HTTP is listening."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.is_lost = False

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
