"""Runs one check in a process group of its own: a crash, a hang or a flood of words costs that check alone."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, get_args

from streamvision.bench.device.finding import Finding, Outcome, Settings

_TAIL_CHUNKS, _CHUNK_BYTES = 16, 4096
_SAID_CHARACTERS = 1800
_END_TIMEOUT_S = 10.0
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_MAX_RESULT_BYTES = 1_000_000


@dataclass(frozen=True)
class DeviceCheck:
    """One thing that is promised, and what proves it."""

    name: str
    """Its name in the JSON document."""
    title: str
    """What it is, for people."""
    function: str
    """``module:function``, which takes :class:`Settings` and returns a :class:`Finding`."""
    deadline_s: float
    """Longest time; then it is ended, and has failed."""
    needs_gpu: bool = False
    """Whether it is not even begun where there is no NVIDIA GPU."""


@dataclass(frozen=True)
class CheckResult:
    """What became of a check."""

    check: DeviceCheck
    """Which it was."""
    finding: Finding
    """What it found."""
    seconds: float
    """How long it took."""
    said: str = ""
    """The end of what its process wrote, where it failed."""
    was_ended: bool = False
    """Whether it was ended by its deadline."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "name": self.check.name,
            "title": self.check.title,
            "outcome": self.finding.outcome,
            "why": self.finding.why,
            "figures": dict(self.finding.figures),
            "seconds": round(self.seconds, 1),
            "said": self.said,
        }


def run_check(check: DeviceCheck, settings: Settings, *, deadline_s: float) -> CheckResult:
    """Run a check and return what became of it; nothing that it does makes this fail or last much longer."""
    result = Path(settings.work) / f"{check.name}.json"
    result.unlink(missing_ok=True)
    command = [sys.executable, "-m", "streamvision.bench.device.child", check.function, settings.to_json(), str(result)]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        "XDG_CACHE_HOME": str(Path(settings.work) / "cache"),
    }
    begin_s = time.monotonic()
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    tail: deque[bytes] = deque(maxlen=_TAIL_CHUNKS)
    reader = threading.Thread(target=_keep_tail, args=(process.stdout, tail), daemon=True)
    reader.start()
    try:
        process.wait(deadline_s)
        fate = None
    except subprocess.TimeoutExpired:
        fate = f"it was ended, since it took longer than {deadline_s:.0f} s"
    finally:
        _end(process)
    reader.join(_END_TIMEOUT_S)
    finding = Finding("failed", fate) if fate else _read(result, process.returncode)
    said = _last_lines(b"".join(tail).decode(errors="replace")) if finding.outcome == "failed" else ""
    return CheckResult(check, finding, time.monotonic() - begin_s, said, was_ended=fate is not None)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it has started; one that hangs in the driver is left behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_TIMEOUT_S)


def _keep_tail(stream: IO[bytes], tail: deque[bytes]) -> None:
    with contextlib.suppress(ValueError, OSError):
        while chunk := stream.read1(_CHUNK_BYTES):  # type: ignore[attr-defined]
            tail.append(chunk)


def _last_lines(text: str) -> str:
    """Return the last whole lines of a text, as many as a report should repeat."""
    lines: list[str] = []
    text = _COLOUR.sub("", text)
    room = _SAID_CHARACTERS
    for line in reversed(text.splitlines()[1 if len(text) >= _TAIL_CHUNKS * _CHUNK_BYTES else 0 :]):
        room -= len(line) + 1
        if room < 0:
            break
        lines.insert(0, line)
    return "\n".join(lines)


def _read(result: Path, return_code: int | None) -> Finding:
    try:
        with result.open("rb") as file:
            document = json.loads(file.read(_MAX_RESULT_BYTES))
        outcome, why, figures = document["outcome"], str(document["why"]), dict(document["figures"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return Finding("failed", _fate(return_code))
    if outcome not in get_args(Outcome):
        return Finding("failed", _fate(return_code))
    return Finding(outcome, why, figures)


def _fate(return_code: int | None) -> str:
    if return_code is None:
        return "it hangs in the driver and cannot be ended; restart the machine"
    if return_code < 0:
        with contextlib.suppress(ValueError):
            return f"its process crashed with {signal.Signals(-return_code).name}"
    return f"its process ended with code {return_code} and no result"
