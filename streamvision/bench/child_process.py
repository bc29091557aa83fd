"""A piece of work in a process group of its own: a crash, a hang or a flood of words costs that piece alone."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

_TAIL_CHUNKS, _CHUNK_BYTES = 16, 4096
_SAID_CHARACTERS = 1800
_END_TIMEOUT_S = 10.0
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    return_code: int | None
    """Its exit status, negative for a signal; ``None`` where it could not be ended."""
    seconds: float
    """How long it took."""
    deadline_s: float
    """Longest time that it had."""
    was_ended: bool
    """Whether it was ended by that."""
    said: str
    """The end of what it wrote, whole lines."""

    def fate(self) -> str:
        """Return what became of a process that left no result, as a clause."""
        if self.was_ended:
            return f"it was ended, since it took longer than {self.deadline_s:.0f} s"
        if self.return_code is None:
            return "it hangs in the driver and cannot be ended; restart the machine"
        if self.return_code < 0:
            with contextlib.suppress(ValueError):
                return f"its process crashed with {signal.Signals(-self.return_code).name}"
        return f"its process ended with code {self.return_code} and no result"


def run_module(
    module: str, arguments: Sequence[str], *, deadline_s: float, environment: Mapping[str, str] | None = None
) -> Ended:
    """Run ``python -m MODULE ARGUMENTS`` with this process's import path; it and all that it starts end in time.

    Args:
        module: what is run.
        arguments: what it is given.
        deadline_s: longest time; then the whole group of processes is killed.
        environment: variables that it has beside this process's own.
    """
    begin_s = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        | dict(environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    tail: deque[bytes] = deque(maxlen=_TAIL_CHUNKS)
    was_ended = False
    try:
        assert process.stdout is not None
        reader = threading.Thread(target=_keep_tail, args=(process.stdout, tail), daemon=True)
        reader.start()
        process.wait(deadline_s)
    except subprocess.TimeoutExpired:
        was_ended = True
    finally:
        _end(process)
    reader.join(_END_TIMEOUT_S)
    said = _last_lines(b"".join(tail).decode(errors="replace"))
    return Ended(process.returncode, time.monotonic() - begin_s, deadline_s, was_ended, said)


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
