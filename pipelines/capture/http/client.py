"""Requests to HTTP cameras: redirects, passwords and one deadline for each step, on Python's own client.

That client takes what cameras really send (bare line feeds, odd headers, answers without a length). It is given time
limits that hold for a whole step, not for each byte of it.
"""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
import time
from functools import partial
from typing import Any, cast
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from pipelines.capture.http.authorization import Authorization, Credentials, split_credentials
from streamvision.core.version import __version__

MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}
_IN_PATHS = "!$%&'()*+,/:;=?@[]~|"
"""Characters of paths and queries that are left as they were written."""


class LeadsElsewhereError(OSError):
    """A redirect leads to an address that is none of HTTP, or in a circle."""


class HttpClient:
    """Asks one address, again and again where that is wanted, over a connection that is kept where the server agrees.

    Args:
        url: with user name and password, where there are some; they are sent to no other scheme, host or port, except
            from ``http://`` to ``https://`` of the same host.
    """

    def __init__(self, url: str) -> None:
        self._url, credentials = split_credentials(url)
        self._trusted = _trusted_with_secrets_of(self._url)
        self._authorization = Authorization(credentials or Credentials("", ""))
        self._has_credentials = credentials is not None
        self._deadline = Deadline()
        self._connection: http.client.HTTPConnection | None = None
        self._origin: tuple[str, str] | None = None

    def get(self, deadline_s: float, headers: dict[str, str] | None = None) -> HttpResponse:
        """Return the answer once its headers are there.

        Args:
            deadline_s: when to give up, on ``time.monotonic()``.
            headers: in addition to the usual ones.

        Raises:
            TimeoutError: when the deadline has passed.
            OSError: when the connection cannot be made or breaks.
            http.client.HTTPException: when the answer is not HTTP.
            ValueError: when a redirect leads to what is no address.
        """
        self._deadline.at_s = deadline_s
        url, answered = self._url, False
        for _ in range(MAX_REDIRECTS + 2):
            response = self._request(url, headers or {})
            if response.status == http.client.UNAUTHORIZED and self.trusts(url) and not answered:
                self._authorization.take_challenges(response.raw.headers.get_all("WWW-Authenticate", []))
                answered = True
            elif response.status in _REDIRECTS and (target := response.raw.headers.get("Location")):
                url = urljoin(url, target.strip())
                if urlsplit(url).scheme not in ("http", "https"):
                    self.close()
                    raise LeadsElsewhereError(f"leads to {urlsplit(url).scheme}://; give that address itself")
            else:
                return response
            response.finish()
        self.close()
        raise LeadsElsewhereError("leads in a circle of redirects")

    def close(self) -> None:
        """Close the connection; legal at any time."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._origin = None

    def trusts(self, url: str) -> bool:
        """Say whether user name and password, where there are some, are meant for the server of an address."""
        return self._has_credentials and _server_of(url) in self._trusted

    def _request(self, url: str, headers: dict[str, str]) -> HttpResponse:
        parts = urlsplit(url)
        netloc = parts.netloc.rpartition("@")[2]
        target = quote(parts.path or "/", safe=_IN_PATHS) + (
            f"?{quote(parts.query, safe=_IN_PATHS)}" * bool(parts.query)
        )
        sent = {"User-Agent": f"streamvision/{__version__}", "Accept": "*/*", **headers}
        if self.trusts(url) and (authorization := self._authorization.header("GET", target)):
            sent["Authorization"] = authorization
        kept = self._connection is not None and self._connection.sock is not None
        connection = self._connected(parts.scheme, netloc)
        try:
            return self._exchange(connection, target, sent)
        except (http.client.RemoteDisconnected, ConnectionError):
            if not kept:
                raise
        self.close()  # the server had closed a connection that was kept for the next request
        return self._exchange(self._connected(parts.scheme, netloc), target, sent)

    def _exchange(self, connection: http.client.HTTPConnection, target: str, sent: dict[str, str]) -> HttpResponse:
        connection.timeout = self._deadline.left_s()
        if connection.sock is not None:
            connection.sock.settimeout(self._deadline.left_s())
        connection.request("GET", target, headers=sent)
        return HttpResponse(cast(_TimedResponse, connection.getresponse()), self._deadline, connection)

    def _connected(self, scheme: str, netloc: str) -> http.client.HTTPConnection:
        if self._connection is not None and self._origin == (scheme, netloc):
            return self._connection
        self.close()
        connection: http.client.HTTPConnection
        if scheme == "https":
            connection = http.client.HTTPSConnection(netloc, context=_unverified())
        else:
            connection = http.client.HTTPConnection(netloc)
        connection.response_class = partial(_TimedResponse, deadline=self._deadline)  # type: ignore[assignment]
        self._connection, self._origin = connection, (scheme, netloc)
        return connection


class HttpResponse:
    """One answer: status, headers, and a body that is read piece by piece."""

    def __init__(self, raw: _TimedResponse, deadline: Deadline, connection: http.client.HTTPConnection) -> None:
        self.raw = raw
        self.status = raw.status
        self.content_type = raw.headers.get_content_type() if "Content-Type" in raw.headers else ""
        self._deadline = deadline
        self._connection = connection

    def read_some(self, deadline_s: float, most: int = 1 << 18) -> bytes:
        """Return what has come of the body, at least a byte; nothing at its end.

        Raises:
            TimeoutError: when nothing had come at the deadline, which is on ``time.monotonic()``.
            OSError: when the connection broke.
            http.client.HTTPException: when its chunks are damaged.
        """
        self._deadline.at_s = deadline_s
        try:
            return self.raw.read1(most)
        except http.client.IncompleteRead as error:
            return error.partial

    def has_data(self) -> bool:
        """Say whether more of the body has come already."""
        if self.raw.isclosed():
            return False
        between_chunks = self.raw.chunked and not self.raw.chunk_left
        return self.raw.timed.has_more_than(2 if between_chunks else 0)  # the line end of the chunk that was read

    def finish(self) -> None:
        """Read a short rest of the body, so that the connection can be used again; close it where that is longer."""
        try:
            for _ in range(8):
                if not self.read_some(self._deadline.at_s, 1 << 14):
                    break
            else:
                self._connection.close()
        except (OSError, http.client.HTTPException):
            self._connection.close()
        self.raw.close()


class Deadline:
    """When a connection gives up what it is doing, on ``time.monotonic()``."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def left_s(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: when none are.
        """
        left_s = self.at_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("timed out")
        return left_s


class _TimedSocket(io.RawIOBase):
    """Reads from a socket with the time that is left, or only what is there."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._socket = connection
        self._held = connection.makefile("rb", buffering=0)  # keeps the socket open after its connection lets go of it
        self._deadline = deadline
        self.waits = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if not self.waits and not self.is_ready():
            return None
        self._socket.settimeout(self._deadline.left_s())
        return self._socket.recv_into(buffer)

    def is_ready(self) -> bool:
        pending = isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0
        return pending or bool(select.select([self._socket], [], [], 0)[0])

    def close(self) -> None:
        self._held.close()
        super().close()


class _TimedReader(io.BufferedReader):
    def __init__(self, raw: _TimedSocket) -> None:
        super().__init__(raw, 1 << 16)
        self._timed = raw

    def has_more_than(self, count: int) -> bool:
        self._timed.waits = False
        try:
            return len(self.peek(1)) > count or self._timed.is_ready()
        except OSError:
            return False
        finally:
            self._timed.waits = True


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, deadline: Deadline, **settings: Any) -> None:
        super().__init__(sock, *args, **settings)
        self.fp.close()
        self.timed = _TimedReader(_TimedSocket(sock, deadline))
        self.fp = self.timed


def _trusted_with_secrets_of(url: str) -> set[tuple[str, str | None, int | None]]:
    """Return the servers that may be told a password which was given for an address."""
    scheme, host, port = own = _server_of(url)
    safer = {("https", host, _PORTS["https"])} if (scheme, port) == ("http", _PORTS["http"]) else set()
    return {own, *safer}


def _server_of(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port of an address."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def goes_by_proxy(url: str) -> bool:
    """Say whether the environment sends requests to this address over a proxy."""
    parts = urlsplit(url)
    return parts.scheme in getproxies() and not proxy_bypass(parts.hostname or "")


def _unverified() -> ssl.SSLContext:
    """Return a context that takes any certificate: cameras sign their own, and FFmpeg does not check them either."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
