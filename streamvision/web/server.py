"""The HTTP server: Werkzeug's, with bounds, and with connections that change hands.

Short requests are answered by a thread each. A request for live pictures or events is not: once its view has
decided what to send, the socket goes to the fan-out thread, and the request's own thread ends without a word.
"""

from __future__ import annotations

import errno
import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from streamvision.core.live import LiveView
from streamvision.web.analytics import AnalyticsNews
from streamvision.web.app import HAND_OVER, create_app
from streamvision.web.events import StatusTicker
from streamvision.web.fanout import EVICTION_S, Fanout
from streamvision.web.listener import listen

_log = logging.getLogger(__name__)

MAX_REQUESTS = 64
"""Requests that are answered at the same time; live responses do not count."""
IDLE_S = 5.0
"""Longest silence of a client in the middle of its request or of the answer."""
REQUEST_S = 15.0
"""Longest life of a request: a client that trickles bytes does not hold a thread for ever."""
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

TakeOver = Callable[[socket.socket], None]


class WebServer:
    """Serves the pages, the API and the pictures of one running pipeline."""

    def __init__(
        self,
        view: LiveView,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        eviction_s: float = EVICTION_S,
        max_viewers: int | None = None,
        listener: socket.socket | None = None,
    ) -> None:
        """Prepare a server; nothing is opened before :meth:`start`.

        Args:
            view: the pipeline to show.
            host: name or address to listen on.
            port: TCP port; 0 takes any free one.
            eviction_s: how long a viewer may take nothing before it is evicted.
            max_viewers: most live connections at a time; default: 1000, or half of the open-file limit.
            listener: a socket that listens there already.
        """
        self.host = host.strip("[]")
        self.port = port
        self.fanout = Fanout(view.channels, eviction_s=eviction_s, max_viewers=max_viewers)
        self._ticker = StatusTicker(view, self.fanout)
        self._news = AnalyticsNews(view, self.fanout)
        self._app = create_app(view, fanout=self.fanout)
        self._listener = listener
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page."""
        shown = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://[{shown}]:{self.port}/" if ":" in shown else f"http://{shown}:{self.port}/"

    def start(self) -> None:
        """Listen, and serve in the background.

        Raises:
            OutputError: when the port is taken, or the address is not this machine's.
        """
        listener = self._listener or listen(self.host, self.port)
        self.port = listener.getsockname()[1]
        self._server = _Server(listener, self._app)
        self.fanout.start()
        self._ticker.start()
        self._news.start()
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="web-server", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop serving, close every connection and free the port, within 2 s; calling it twice is harmless."""
        server, self._server = self._server, None
        if server is None:
            return
        server.shutdown()
        self._ticker.stop()
        self._news.stop()
        self.fanout.stop()
        server.close_requests()
        if self._thread is not None:
            self._thread.join(1.0)


class _Handler(WSGIRequestHandler):
    """Answers one request, or hands its connection over."""

    server: _Server
    timeout = IDLE_S
    protocol_version = "HTTP/1.1"

    def make_environ(self) -> dict[str, Any]:
        return {**super().make_environ(), HAND_OVER: self._hand_over}

    def _hand_over(self, take: TakeOver) -> None:
        """Give the socket to ``take`` as soon as the request's thread is done with it."""
        self.close_connection = True  # no second request is read from it
        self.server.hand_over(self.connection, take)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        _log.debug("%s -> %s", self.requestline, code)  # there is no path where the first line is none

    def log_error(self, format: str, *args: Any) -> None:
        _log.debug(format, *args)


class _Server(ThreadedWSGIServer):
    """Werkzeug's threaded server on a socket that listens already, with a bound on everything."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: socket.socket, app: Flask) -> None:
        host, port = listener.getsockname()[:2]
        super().__init__(host, port, app, _Handler, fd=listener.fileno())
        listener.close()  # Werkzeug has made a duplicate
        self._free = threading.BoundedSemaphore(MAX_REQUESTS)
        self._lock = threading.Lock()
        self._begun_at_s: dict[socket.socket, float] = {}
        self._takers: dict[socket.socket, TakeOver] = {}

    def hand_over(self, connection: socket.socket, take: TakeOver) -> None:
        """Remember who gets the connection when its request thread ends."""
        with self._lock:
            self._takers[connection] = take

    def get_request(self) -> tuple[Any, Any]:
        """Accept a connection; without free file descriptors, pause instead of spinning."""
        try:
            return super().get_request()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                _log.warning("no free file descriptors for viewers: raise the limit of open files (ulimit -n)")
                time.sleep(0.1)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for a request, or turn it away where too many are under way."""
        if not self._free.acquire(blocking=False):
            request.settimeout(0.1)
            try:
                request.sendall(_BUSY)
            except OSError as error:
                _log.debug("turned away %s: %s", client_address, error)
            self.shutdown_request(request)
            return
        with self._lock:
            self._begun_at_s[request] = time.monotonic()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a request, then free its place."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection when its request is done, unless it has changed hands."""
        with self._lock:
            self._begun_at_s.pop(request, None)
            take = self._takers.pop(request, None)
        if take is None:
            super().shutdown_request(request)
        else:
            take(request)

    def service_actions(self) -> None:
        """Cut off requests that outlive their time; called several times a second."""
        self.close_requests(older_than_s=REQUEST_S)

    def close_requests(self, older_than_s: float = 0.0) -> None:
        """Break the connections of requests that began so long ago; their threads then end by themselves."""
        limit_s = time.monotonic() - older_than_s
        with self._lock:
            overdue = [c for c, begun_at_s in self._begun_at_s.items() if begun_at_s <= limit_s]
            for connection in overdue:
                del self._begun_at_s[connection]
        for connection in overdue:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                _log.debug("request was gone already: %s", error)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what went wrong with one request."""
        _log.exception("request from %s failed", client_address)
