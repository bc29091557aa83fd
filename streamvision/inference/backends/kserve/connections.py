"""Connections over HTTP on which one call is bounded as a whole.

urllib3 and http.client bound each read alone, and there may be any number of them: a server that sends a byte now and
then, in a header, in front of a chunk or behind the last one, is waited for without end.
"""

from __future__ import annotations

import io
import socket
import time
from http.client import HTTPResponse
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from streamvision.inference.backends.kserve.transport import CONNECT_TIMEOUT_S


class _BoundedReads(io.RawIOBase):
    """What comes from a socket until a deadline.

    Args:
        connection: the socket, whose timeout is the time that is left.
        raw: reads from it.
    """

    def __init__(self, connection: socket.socket, raw: Any) -> None:
        self._connection = connection
        self._raw = raw
        timeout_s = connection.gettimeout()
        self._deadline_s = time.monotonic() + (CONNECT_TIMEOUT_S if timeout_s is None else timeout_s)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer did not end in time")
        self._connection.settimeout(left_s)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(HTTPResponse):
    """An answer, all of which comes within the timeout that its socket has at its beginning."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp: io.BufferedReader = io.BufferedReader(_BoundedReads(sock, self.fp.detach()))


class _BoundedCalls:
    """Connecting has a timeout of its own; sending and the answer share what is left."""

    timeout: Any
    sock: Any
    response_class: Any = _BoundedResponse

    def connect(self) -> None:
        begin_s, timeout_s = time.monotonic(), float(self.timeout)
        self.timeout = min(CONNECT_TIMEOUT_S, timeout_s)
        try:
            super().connect()  # type: ignore[misc]
        finally:
            self.timeout = timeout_s
        self.sock.settimeout(max(timeout_s - (time.monotonic() - begin_s), 0.001))


class _Connection(_BoundedCalls, HTTPConnection):
    pass


class _TlsConnection(_BoundedCalls, HTTPSConnection):
    pass


class Pool(urllib3.HTTPConnectionPool):
    """Connections to one server."""

    ConnectionCls = _Connection


class TlsPool(urllib3.HTTPSConnectionPool):
    """The same over TLS."""

    ConnectionCls = _TlsConnection
