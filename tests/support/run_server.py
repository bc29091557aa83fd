"""``streamvision run`` with its page, in a process of its own, as people run it."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.command_line import running

STARTS_WITHIN_S = 150.0
ENDS_WITHIN_S = 60.0


@dataclass(frozen=True)
class RunServer:
    """One that runs."""

    url: str
    """Of its page, with a slash at the end."""
    pid: int
    """Of its process."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rstrip("/").rpartition(":")[2])


@contextmanager
def run_server(
    folder: Path,
    model: Path,
    sources: Mapping[str, str],
    *,
    score: float = 0.25,
    serve: Mapping[str, Any] | None = None,
    **document: Any,
) -> Iterator[RunServer]:
    """Run it for the length of the block.

    Args:
        folder: where its configuration and its log go.
        model: its model.
        sources: the source of each stream, by its id.
        score: the lowest of what it finds.
        serve: further settings of its page.
        document: further sections of its configuration.
    """
    config, log = folder / "config.json", folder / "log.txt"
    streams = [{"id": name, "source": source} for name, source in sources.items()]
    settings = {
        "model": {"path": str(model), "threads": 1, "score": score},
        "streams": streams,
        "serve": {"port": 0, **(serve or {})},
    }
    config.write_text(json.dumps(settings | document), encoding="utf-8")
    with (
        log.open("w", encoding="utf-8") as errors,
        running("run", "--config", config, stdout=subprocess.DEVNULL, stderr=errors) as process,
    ):
        deadline_s = time.monotonic() + STARTS_WITHIN_S
        while "Watch at " not in (said := log.read_text(encoding="utf-8")):
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"the server did not start: {said[-2000:]}")
            time.sleep(0.05)
        yield RunServer(said.split("Watch at ")[1].split()[0], process.pid)
        process.send_signal(signal.SIGTERM)
        process.wait(ENDS_WITHIN_S)
    assert "Traceback" not in log.read_text(encoding="utf-8"), log.read_text(encoding="utf-8")
