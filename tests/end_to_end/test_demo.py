"""The demo needs nothing: the model that ships, a drawn drive, a page."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from pathlib import Path

from support.command_line import running


def test_it_shows_signs_with_identities_at_once(tmp_path: Path) -> None:
    log = tmp_path / "stderr.txt"
    arguments = ("demo", "--no-browser", "--serve", "127.0.0.1:0")
    with log.open("w") as stderr, running(*arguments, stderr=stderr, cwd=tmp_path) as process:
        identities = _identities_seen(log, deadline_s=time.monotonic() + 60)
        process.send_signal(signal.SIGINT)
        process.wait(20)
    assert process.returncode == 130, log.read_text()
    assert "Traceback" not in log.read_text()
    assert set(identities) <= {"speedlimit", "crosswalk", "trafficlight", "stop"}


def _identities_seen(log: Path, *, deadline_s: float) -> dict[str, int]:
    while time.monotonic() < deadline_s:
        if "Watch at" in log.read_text():
            page = log.read_text().split("Watch at ")[1].split()[0]
            with urllib.request.urlopen(f"{page}api/streams", timeout=60) as response:
                [stream] = json.loads(response.read())["streams"]
            if stream["identities"]:
                return dict(stream["identities"])
        time.sleep(0.2)
    raise AssertionError(f"no sign was found: {log.read_text()}")
