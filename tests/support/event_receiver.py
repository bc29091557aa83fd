"""A program that takes events by HTTP, as a real server that can be slow, refuse, hang up, and be stopped."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar


@dataclass(frozen=True)
class Received:
    """A request that came whole."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told


Answer = Callable[[BaseHTTPRequestHandler, Received], int | None]
"""Returns the status, or ``None`` where it has answered itself, or not at all."""


@dataclass
class EventReceiver:
    """What came, and what is answered."""

    port: int = 0
    answer: Answer = lambda handler, received: 200
    received: list[Received] = field(default_factory=list)
    """All whole requests, those that are refused, too."""
    taken: list[Received] = field(default_factory=list)
    """Those that were answered with 200."""
    headers: dict[str, str] = field(default_factory=dict)
    """Further headers of each answer."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?key=hidden-in-the-address"

    @property
    def ids(self) -> list[str]:
        return [one.event["id"] for one in self.taken]

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen, on the same port as before."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:  # the sender was killed on the way
                    self.close_connection = True
                    return
                one = Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                receiver.received.append(one)
                status = receiver.answer(self, one)
                if status is None:
                    self.close_connection = True
                    return
                if status == 200:
                    receiver.taken.append(one)
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                said = b"" if status < 400 else b"this is not welcome"
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            open_sockets: ClassVar[set[socket.socket]] = set()

            def process_request(self, request: Any, client_address: Any) -> None:
                self.open_sockets.add(request)
                super().process_request(request, client_address)

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        server = Server(("127.0.0.1", self.port), Handler)
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            for one in list(server.open_sockets):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            thread.join()


def hang_up(handler: BaseHTTPRequestHandler, received: Received) -> None:
    """Close in the middle of the answer."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")


def trickle(handler: BaseHTTPRequestHandler, received: Received) -> None:
    """Answer with a byte now and then, for ever."""
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(1000):
            handler.wfile.write(b"x")
            time.sleep(0.1)
    except OSError:
        pass
