"""The list of processes shows no password."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.command_line import command, running

PASSWORDS = ["hunter2", "p@ss/wo#rd?", "geheim ünd 'mehr\"", "$(id);&|", "x" * 200]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("form", ["--source", "--source="])
def test_passwords_given_on_the_command_line_are_masked(password: str, form: str, tmp_path: Path) -> None:
    address = f"rtsp://admin:{password}@127.0.0.1:9/live"
    options = [form, address] if form == "--source" else [form + address]
    pipe = tmp_path / "config.yaml"  # a named pipe holds the command where it has read its arguments
    subprocess.run(["mkfifo", pipe], check=True)
    with running("run", *options, "--config", pipe, stderr=subprocess.DEVNULL) as process:
        shown = _cmdline(process.pid, until=b"***")
    assert password.encode() not in shown
    assert b"***@127.0.0.1:9/live" in shown
    assert shown.split(b"\0")[-3].decode() == "--config"
    assert len(shown) == len(b"\0".join(part.encode() for part in command("run", *options, "--config", pipe))) + 1


def _cmdline(pid: int, *, until: bytes) -> bytes:
    deadline_s = time.monotonic() + 30
    while True:
        shown = Path(f"/proc/{pid}/cmdline").read_bytes()
        if until in shown or time.monotonic() > deadline_s:
            return shown
        time.sleep(0.01)
