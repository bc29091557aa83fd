"""A text file that grows by whole lines: a crash loses nothing that was written, and no line is ever cut in two."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipelines.outputs.existing import Existing, set_aside
from streamvision.core.errors import OutputError

_log = logging.getLogger(__name__)


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Return the error to raise when a file cannot be opened or written."""
    reason = error.strerror or str(error) or type(error).__name__
    return OutputError(f"cannot write {path}: {reason}; give a file in an existing, writable folder with free space")


class LineFile:
    """Shared by any number of writers, from any threads; the last one to release it closes it.

    Lines go to the operating system one by one, without a buffer of ours, so they outlive this process.

    Args:
        path: the file.
        existing: what becomes of one that is there already.
        shared: other processes write lines to it, too.
        header: the first line, which names the columns; a file with others, of another version, is not continued but
            gets a dated name, unless other processes have it open.

    Raises:
        OutputError: when the file cannot be created.
    """

    def __init__(self, path: Path, *, existing: Existing = "keep", shared: bool = False, header: str = "") -> None:
        self.path = path
        self._lock = threading.Lock()
        self._users = 0
        self._shared = shared
        self._whole = existing != "continue"  # a power cut may have left half a line at the end
        if existing == "keep":
            set_aside(path)
        elif existing == "continue" and header and not shared and _has_other_columns(path, header):
            _log.warning("%s has other columns than this version writes; it is now %s", path, set_aside(path))
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | (os.O_TRUNC if existing == "overwrite" else 0)
        try:
            self._descriptor: int | None = os.open(path, flags, 0o644)
        except OSError as error:
            raise cannot_write(path, error) from error
        if header:
            try:
                self._write(header, only_first=True)
            except OutputError:
                self.release()
                raise

    @property
    def closed(self) -> bool:
        """Whether its last writer has let go of it."""
        return self._descriptor is None

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
        self._write(text, only_first=False)

    def _write(self, text: str, *, only_first: bool) -> None:
        data = memoryview(text.encode("utf-8"))
        with self._lock:
            if self._descriptor is None:
                raise OutputError(f"cannot write {self.path}: it was closed already; open a new one")
            with self._other_processes_waiting(self._descriptor):
                end = os.fstat(self._descriptor).st_size
                if not (only_first and end):
                    self._append(self._descriptor, data, end)

    def _append(self, descriptor: int, data: memoryview, end: int) -> None:
        """Write behind the end of the file, all or nothing; within ``_lock``."""
        if not self._whole:
            data, self._whole = memoryview(_behind_whole_line(descriptor, end) + data), True
        written = 0
        try:
            while written < len(data):
                written += os.write(descriptor, data[written:])
        except OSError as error:
            if written:
                self._forget_half_line(descriptor, end)
            raise cannot_write(self.path, error) from error

    @contextmanager
    def _other_processes_waiting(self, descriptor: int) -> Iterator[None]:
        if not self._shared:
            yield
            return
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _forget_half_line(self, descriptor: int, end: int) -> None:
        with suppress(OSError):  # a device or a pipe: there is nothing to take back
            os.ftruncate(descriptor, end)


def _behind_whole_line(descriptor: int, end: int) -> bytes:
    """Return what must stand between the end of a file and a new line."""
    try:
        return b"\n" if end and os.pread(descriptor, 1, end - 1) != b"\n" else b""
    except OSError:  # a device or a pipe
        return b""


def _has_other_columns(path: Path, header: str) -> bool:
    """Say whether a file holds something, and not behind this header."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            first = file.readline(len(header.encode()) + 1)
    except OSError:
        return False
    return first not in (b"", header.encode())
