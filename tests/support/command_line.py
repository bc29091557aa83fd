"""Runs the real command line, in a process of its own or in that of the test."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        return json.loads(self.stdout)  # type: ignore[no-any-return]

    def sentence(self) -> str:
        """Return the one line of error that the user sees, and fail if there is a traceback or more than that."""
        assert "Traceback" not in self.stderr, self.stderr
        lines = [line for line in self.stderr.splitlines() if line.startswith("streamvision: ")]
        assert len(lines) == 1, self.stderr
        return lines[0]


def command(*arguments: str | Path) -> list[str]:
    """Return the command with its arguments, ready for subprocess."""
    return [sys.executable, "-m", "streamvision", *map(str, arguments)]


@contextmanager
def hearing_interrupts() -> Iterator[None]:
    """Have this process, and those that it starts, hear SIGINT as in the foreground.

    A shell starts what stands before an ``&`` with SIGINT ignored, and children inherit that.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def running(*arguments: str | Path, cwd: Path | None = None, **streams: Any) -> Iterator[subprocess.Popen[str]]:
    """Start ``streamvision``, for a test that reads from it or sends it signals, and kill what is left of it.

    It hears Ctrl-C wherever the tests run.

    Args:
        arguments: the command's arguments.
        cwd: the folder that it runs in.
        streams: ``stdout`` and ``stderr`` as for :class:`subprocess.Popen`.
    """
    with hearing_interrupts():
        process = subprocess.Popen(command(*arguments), text=True, cwd=cwd, **streams)
    with process:
        try:
            yield process
        finally:
            process.kill()


def streamvision(*arguments: str | Path, timeout_s: float = TIMEOUT_S, cwd: Path | None = None) -> Finished:
    """Run ``streamvision`` to its end."""
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=timeout_s, cwd=cwd, check=False)
    return Finished(done.returncode, done.stdout, done.stderr)


_KILLED = """
import importlib, os, signal, sys
from streamvision.cli.main import main
place, times, *arguments = sys.argv[1:]
module, _, name = place.partition(":")
*owners, name = name.split(".")
owner = importlib.import_module(module)
for one in owners:
    owner = getattr(owner, one)
whole, left = getattr(owner, name), int(times)

def counted(*given, **named):
    global left
    found = whole(*given, **named)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return found

setattr(owner, name, counted)
main(arguments)
"""


def killed_after(place: str, times: int, *arguments: str | Path) -> None:
    """Run ``streamvision`` in a process that is killed when it has called something so many times.

    Args:
        place: what is called: ``module:name`` or ``module:class.name``.
        times: how often.
        arguments: the command's arguments.
    """
    command = [sys.executable, "-c", _KILLED, place, str(times), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def called(*arguments: str | Path, cwd: Path | None = None) -> Finished:
    """Call ``streamvision`` in this process, which has torch already: what is refused is refused before any work."""
    from streamvision.cli.main import main

    root, before = logging.getLogger(), Path.cwd()
    handlers, level, ended = root.handlers[:], root.level, 0
    stdout, stderr = io.StringIO(), io.StringIO()
    os.chdir(cwd or before)
    try:
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            main([str(argument) for argument in arguments])
    except SystemExit as error:
        ended = int(error.code or 0)
    finally:
        os.chdir(before)
        root.handlers[:] = handlers
        root.setLevel(level)
    return Finished(ended, stdout.getvalue(), stderr.getvalue())
