"""What both measurements stand on: a short film for the cameras, a service with its page, and what that says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from support.tiny_detector import tiny_detector

SIZE = "320x180"
STARTS_WITHIN_S = 240.0

Status = dict[str, Any]


def film(folder: Path, fps: int) -> Path:
    """Return a film of some seconds as a camera sends it: H.264, a key frame a second."""
    path = folder / "film.mp4"
    source = f"testsrc2=size={SIZE}:rate={fps}:duration=10"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-c:v", "libx264", "-pix_fmt", "yuv420p"]
    subprocess.run([*command, "-bf", "0", "-g", str(fps), "-preset", "ultrafast", str(path)], check=True, timeout=120)
    return path


class Page:
    """The page of a service."""

    def __init__(self, host: str, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self._host, self._port = host, port
        self.process, self.log = process, log

    def streams(self) -> dict[str, Status]:
        """Return how each stream is doing, by id."""
        connection = HTTPConnection(self._host, self._port, timeout=30)
        try:
            connection.request("GET", "/api/streams")
            return {one["id"]: one for one in json.loads(connection.getresponse().read())["streams"]}
        finally:
            connection.close()

    def live(self) -> set[str]:
        """Return the streams that are live and have brought a frame."""
        return {name for name, one in self.streams().items() if one["state"] == "live" and one["frames_done"]}


@contextmanager
def serving(
    folder: Path,
    *,
    address: str,
    host: str,
    within: Sequence[str],
    sources: Mapping[str, str],
    model: Mapping[str, Any],
    paths: Sequence[Path] = (),
) -> Iterator[Page]:
    """Run a service on a machine for the length of the block; what it found is in ``found.jsonl`` of the folder."""
    folder.mkdir()
    config, log, port = folder / "cameras.json", folder / "log.txt", 8080
    streams = [{"id": name, "source": source} for name, source in sources.items()]
    named = {"path": str(tiny_detector(folder / "tiny.onnx")), "threads": 1, "requests": 1, **model}
    outputs = {"detections": str(folder / "found.jsonl")}
    config.write_text(json.dumps({"model": named, "streams": streams, "outputs": outputs}))
    command = [sys.executable, "-m", "streamvision", "serve", "--config", str(config), "--state", str(folder / "state")]
    command += ["--cluster", address, "--serve", f"{host}:{port}", "--no-login", "-v"]
    environment = {**os.environ, "PYTHONPATH": python_path(paths)}
    with log.open("wb") as errors:
        process = subprocess.Popen([*within, *command], stdout=errors, stderr=errors, env=environment)
    try:
        until(lambda: b"Watch at" in log.read_bytes() or process.poll() is not None, "the page", STARTS_WITHIN_S)
        if process.poll() is not None:
            raise RuntimeError(log.read_text()[-3000:])
        yield Page(host, port, process, log)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    finally:
        process.kill()
        process.wait(10)


def python_path(paths: Sequence[Path] = ()) -> str:
    """Return where modules are found, these folders before all others."""
    return os.pathsep.join([*map(str, paths), *(entry or str(Path.cwd()) for entry in sys.path)])


def until(condition: Callable[[], object], what: str, timeout_s: float) -> float:
    """Wait until a condition holds, and return how long that took, in seconds."""
    begin_s = time.monotonic()
    while not condition():
        if time.monotonic() - begin_s > timeout_s:
            raise RuntimeError(f"not so in {timeout_s:.0f} s: {what}")
        time.sleep(0.05)
    return time.monotonic() - begin_s
