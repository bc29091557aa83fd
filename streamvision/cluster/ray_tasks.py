"""Commands of this program as tasks of Ray: one that a machine has not finished when it is lost is begun on another."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from streamvision.cluster.batch import Tried, Try
from streamvision.core.errors import StreamVisionError

MOST_TRIES = 3
"""How often a command is begun again whose machine was lost."""
_SET_SIGNAL_OF_PARENTS_DEATH = 1
"""``PR_SET_PDEATHSIG`` of Linux's ``prctl``."""
MAX_SAID = 64 * 1024
"""Most characters of what a command said that are kept, the last ones."""
TIMED_OUT = 124
"""Exit code of a command that took too long, as timeout(1) has it."""
END_TIMEOUT_S = 5.0
"""Longest wait for what a command that has ended said last: something that it began may hold its pipe."""
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
    output = Path(one.folder) / uuid4().hex[:12]
    try:
        output.mkdir()
    except OSError as error:
        reason = f"{output.parent} cannot be written to on this machine: {error.strerror or error}"
        return Tried(1, "", reason, 0.0, socket.gethostname(), str(output))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "streamvision", *one.arguments(str(output))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=folder if Path(folder).is_dir() else None,
        preexec_fn=_ending_with(os.getpid()),
    )
    with process:
        said = [_Tail(stream) for stream in (process.stdout, process.stderr) if stream is not None]
        try:
            code = process.wait(one.timeout_s)
            words = [end.text() for end in said]
        except subprocess.TimeoutExpired:
            code, words = TIMED_OUT, ["", f"it took longer than {one.timeout_s:.0f} s"]
        finally:
            process.kill()
    seconds = time.monotonic() - begin_s
    return Tried(code, words[0], words[1], seconds, socket.gethostname(), str(output))


def _ending_with(parent: int) -> Callable[[], None] | None:
    """Return what lets a process that is about to begin end with this one, however this ends: Ray kills its own.

    ``None`` where the system is not Linux.
    """
    if sys.platform != "linux":
        return None
    control = ctypes.CDLL(None).prctl  # looked up here: between fork and exec nothing may wait for a lock

    def prepare() -> None:
        control(_SET_SIGNAL_OF_PARENTS_DEATH, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


class _Tail:
    """Reads what a command says, for as long as it says something, and keeps the end of it.

    Args:
        stream: where it says it.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._kept = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def text(self) -> str:
        """Return it, when the command has ended."""
        self._thread.join(END_TIMEOUT_S)
        return self._kept.decode(errors="replace")[-MAX_SAID:]

    def _read(self) -> None:
        with suppress(OSError, ValueError):  # it was closed
            while chunk := os.read(self._stream.fileno(), MAX_SAID):
                self._kept = (self._kept + chunk)[-4 * MAX_SAID :]
