"""Which files of a folder that grows have come in full: of a card that is copied, an upload by FTP, a camera."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

QUIET_S = 10.0
"""A file that has not changed for so long is complete, unless somebody still has it open for writing. One that is
written further after all is worked on again then."""


class CompleteFiles(Protocol):
    """Tells which files are complete."""

    def complete(self, files: Iterable[Path]) -> set[Path]:
        """Return which of all files that are there now have come in full."""


class Arrivals:
    """Remembers since when each file is as it is.

    Args:
        quiet_s: how long a file must not have changed.
        clock: seconds that never go back.
    """

    def __init__(self, quiet_s: float = QUIET_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._quiet_s = quiet_s
        self._clock = clock
        self._since: dict[Path, tuple[tuple[int, int], float]] = {}

    def complete(self, files: Iterable[Path]) -> set[Path]:
        """Return which of all files that are there now have come in full."""
        now_s, before, self._since = self._clock(), self._since, {}
        complete = set()
        for file in files:
            try:
                status = file.stat()
            except OSError:
                continue
            stamp = (status.st_size, status.st_mtime_ns)
            known, since_s = before.get(file, (None, now_s))
            since_s = since_s if known == stamp else now_s
            self._since[file] = stamp, since_s
            if now_s - since_s >= self._quiet_s and not is_being_written(file):
                complete.add(file)
        return complete


def is_being_written(file: Path) -> bool:
    """Say whether a program of this machine has a file open for writing, as far as the system tells us.

    Linux refuses a read lease (fcntl(2)) on such a file; it grants none on files of other users and of some file
    systems, and then nobody knows.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)  # what it sends to a holder by default ends the process
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    finally:
        os.close(descriptor)
    return False
