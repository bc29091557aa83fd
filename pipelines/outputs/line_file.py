"""A text file that grows by whole lines: a crash loses nothing that was written, and no line is ever cut in two."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from streamvision.core.errors import OutputError


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Return the error to raise when a file cannot be opened or written."""
    reason = error.strerror or str(error) or type(error).__name__
    return OutputError(f"cannot write {path}: {reason}; give a file in an existing, writable folder with free space")


class LineFile:
    """Shared by any number of writers, from any threads; the last one to release it closes it.

    Lines go to the operating system one by one, without a buffer of ours, so they outlive this process.

    Raises:
        OutputError: when the file cannot be created; an existing one is emptied.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._users = 0
        self._end = 0
        try:
            self._descriptor: int | None = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise cannot_write(path, error) from error

    def retain(self) -> None:
        """Count one writer more."""
        with self._lock:
            self._users += 1

    def release(self) -> None:
        """Count one writer less; close the file behind the last."""
        with self._lock:
            self._users -= 1
            if self._users <= 0 and self._descriptor is not None:
                descriptor, self._descriptor = self._descriptor, None
                os.close(descriptor)

    def append(self, text: str) -> None:
        """Write whole lines, all or nothing.

        Raises:
            OutputError: when they do not fit (disk full) or the file was closed; the file ends with its last good line.
        """
        data = memoryview(text.encode("utf-8"))
        with self._lock:
            if self._descriptor is None:
                raise OutputError(f"cannot write {self.path}: it was closed already; open a new one")
            written = 0
            try:
                while written < len(data):
                    written += os.write(self._descriptor, data[written:])
            except OSError as error:
                self._forget_half_line(self._descriptor)
                raise cannot_write(self.path, error) from error
            self._end += written

    def _forget_half_line(self, descriptor: int) -> None:
        try:
            os.ftruncate(descriptor, self._end)
            os.lseek(descriptor, self._end, os.SEEK_SET)
        except OSError:
            return  # a device or a pipe: there is nothing to take back
