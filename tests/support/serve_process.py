"""``streamvision serve`` in a process of its own, asked over HTTP, ended by signals."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.command_line import running
from support.serving import until


class Process:
    """A running ``streamvision serve``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []
        self._served = threading.Event()
        self.port = 0
        threading.Thread(target=self._listen, daemon=True).start()
        assert self._served.wait(120), self.said
        until(lambda: self.ask("GET", "/healthz")[0] == 200, "it answers")

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if "Watch at http" in line:
                self.port = int(line.rstrip("/\n").rpartition(":")[2])
                self._served.set()
        self._served.set()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return status and JSON; ``None`` without a body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        data = None if body is None else json.dumps(body)
        try:
            connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
            response = connection.getresponse()
            answer = response.read()
            return response.status, json.loads(answer) if answer else None
        finally:
            connection.close()

    def stream_ids(self) -> list[str]:
        """Return the ids of all streams."""
        return [stream["id"] for stream in self.ask("GET", "/api/streams")[1]["streams"]]

    def stop(self) -> int:
        """Ask for the end and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def serve(*arguments: str | Path) -> Iterator[Process]:
    """Run the command for the length of the block."""
    with running(
        "serve", *arguments, "--serve", "127.0.0.1:0", stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        yield Process(process)
