"""Real services: a pipeline, a database and a web server, opened and closed again as a restart does it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import yaml

from streamvision.cli.serve import read_document
from streamvision.core.config.serve import ServeConfig
from streamvision.service.beginning import Beginning
from streamvision.service.control import ServiceControl
from streamvision.service.onvif import Onvif
from streamvision.service.service import Service
from streamvision.state.accounts import Accounts
from streamvision.state.database import Database
from streamvision.web.login import Login
from streamvision.web.server import WebServer

BOXES = "synthetic:boxes?fps=20&size=160x120"
EVERYWHERE = {"name": "all", "points": [[0, 0], [1, 0], [1, 1], [0, 1]], "anchor": "center", "crowd": 1}
"""A zone that is crowded as soon as something is found."""


def until(condition: Callable[[], Any], what: str, timeout_s: float = 60) -> Any:
    """Wait until a condition holds and return what it says."""
    deadline_s = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline_s, what
        time.sleep(0.05)
    return found


class Served:
    """A running service and its address."""

    def __init__(self, service: Service, port: int) -> None:
        self.service = service
        self.port = port

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Return status and body."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        data = None if body is None else json.dumps(body)
        try:
            connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return status and JSON; ``None`` without a body."""
        status, answer = self.request(method, path, body)
        return status, json.loads(answer) if answer else None

    def get(self, path: str) -> Any:
        """Return the JSON at an address that answers."""
        status, answer = self.ask("GET", path)
        assert status == 200, answer
        return answer

    def add(self, **stream: Any) -> str:
        """Add a stream and return its id."""
        status, answer = self.ask("POST", "/api/streams", {"source": BOXES, **stream})
        assert status == 201, answer
        return answer["id"]

    def stream_ids(self) -> list[str]:
        """Return the ids of all streams, as the page sees them."""
        return [stream["id"] for stream in self.get("/api/streams")["streams"]]

    def events(self, query: str = "") -> list[dict[str, Any]]:
        """Return the events that a query finds."""
        return self.get(f"/api/event-log{query}")["events"]


def write_config(path: Path, model: Path, *streams: dict[str, Any], **more: Any) -> Path:
    """Write a configuration with these streams."""
    document = {"model": {"path": str(model), "threads": 1, "score": 0.05}, "streams": list(streams)} | more
    path.write_text(yaml.safe_dump(document))
    return path


@contextmanager
def serving(
    place: str, folder: Path, file: Path, streams: Sequence[dict[str, Any]] = (), *, login: bool = False
) -> Iterator[Served]:
    """Run a service for the length of the block.

    Args:
        place: its database: a folder, or an address.
        folder: its state folder.
        file: its configuration.
        streams: what a command line names.
        login: whether people must sign in, as users of its database.
    """
    with ExitStack() as stack:
        database = Database.open(place)
        stack.callback(database.close)
        service = Service(database, folder, Beginning(file, streams=tuple(streams)), read_document)
        service.view.control = ServiceControl(service)
        service.view.onvif = Onvif()
        config = ServeConfig()
        signing_in = Login(Accounts.of(database, config), config) if login else None
        server = WebServer(service.view, port=0, login=signing_in)
        server.start()
        stack.callback(server.stop)
        stack.enter_context(service)
        yield Served(service, server.port)
