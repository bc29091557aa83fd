"""Commands of this program as tasks of Ray: one that a machine has not finished when it is lost is begun on another."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streamvision.cluster.batch import Tried, Try
from streamvision.core.errors import StreamVisionError

MOST_TRIES = 3
"""How often a command is begun again whose machine was lost."""
MAX_SAID = 64 * 1024
"""Most characters of what a command said that are kept, the last ones."""
TIMED_OUT = 124
"""Exit code of a command that took too long, as timeout(1) has it."""
RESULT_TIMEOUT_S = 60.0
"""Longest wait for the result of a task that is over."""


class RayTasks:
    """See :class:`streamvision.cluster.batch.Tasks`.

    Args:
        ray: the package, connected.
        cores: cores that a command takes.
        gpus: graphics cards, or a part of one, that a command takes.
    """

    def __init__(self, ray: Any, *, cores: float, gpus: float) -> None:
        self._ray = ray
        options = {"num_cpus": cores, "num_gpus": gpus, "max_retries": MOST_TRIES}
        self._task = ray.remote(called).options(**options)
        self._folder = str(Path.cwd())

    def begin(self, one: Try) -> Any:
        """Begin a try, and return what stands for it."""
        return self._task.remote(one, self._folder)

    def finished(self, begun: Sequence[Any], timeout_s: float) -> list[Any]:
        """Wait for some that are over, and return them."""
        over, _ = self._ray.wait(list(begun), num_returns=len(begun), timeout=timeout_s)
        return list(over)

    def result(self, begun: Any) -> Tried:
        """Return what became of one that is over."""
        try:
            tried: Tried = self._ray.get(begun, timeout=RESULT_TIMEOUT_S)
        except self._ray.exceptions.RayError as error:
            first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise StreamVisionError(f"no machine has finished it: {first}") from None
        return tried

    def cancel(self, begun: Any) -> None:
        """End it."""
        self._ray.cancel(begun, force=True)


def called(one: Try, folder: str) -> Tried:
    """Run a command in a process of its own, on the machine that this is called on.

    Args:
        one: the command.
        folder: where relative names of files count from, where it is there.
    """
    begin_s = time.monotonic()
    command = [sys.executable, "-m", "streamvision", *one.arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)}
    try:
        ran = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=one.timeout_s,
            env=environment,
            cwd=folder if Path(folder).is_dir() else None,
            check=False,
        )
        code, output, errors = ran.returncode, ran.stdout, ran.stderr
    except subprocess.TimeoutExpired:
        code, output, errors = TIMED_OUT, "", f"it took longer than {one.timeout_s:.0f} s"
    seconds = time.monotonic() - begin_s
    return Tried(code, output[-MAX_SAID:], errors[-MAX_SAID:], seconds, socket.gethostname())
