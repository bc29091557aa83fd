"""The Flask application under gunicorn, a WSGI server that people run: threads, no event loop."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.web_client import get, opened, raw_viewer, read_part, read_record

ROOT = Path(__file__).parents[3]
COMMAND = ["-m", "gunicorn", "-k", "gthread", "--threads", "6", "-b", "127.0.0.1:0", "support.fed_app:app"]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        [sys.executable, *COMMAND], stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}
    ) as server:
        try:
            assert server.stderr is not None
            said = next(line for line in server.stderr if "Listening at" in line or not line)
            threading.Thread(target=server.stderr.read, daemon=True).start()
            match = re.search(r"http://127\.0\.0\.1:(\d+)", said)
            assert match, said
            yield int(match[1])
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


def test_several_viewers_and_short_requests_at_a_time(port: int) -> None:
    with opened(port, "/streams/gate/mjpeg") as first, opened(port, "/streams/gate/mjpeg") as second:
        assert first.getheader("Content-Type") == "multipart/x-mixed-replace; boundary=frame"
        for response in (first, second):
            assert len({read_part(response) for _ in range(4)}) == 4
        with opened(port, "/api/live?streams=gate,yard") as records:
            assert {read_record(records)[0]["stream"] for _ in range(8)} == {"gate", "yard"}
        assert json.loads(get(port, "/healthz")[2]) == {"alive": True}


def test_viewers_that_leave_free_their_threads(port: int) -> None:
    for _ in range(9):  # there are six threads
        viewer = raw_viewer(port, "/streams/gate/mjpeg")
        assert viewer.recv(20).startswith(b"HTTP/1.1 200 OK")
        viewer.close()
    assert get(port, "/streams/gate/snapshot.jpg")[0] == 200
