"""A text file whose last lines may still change: what is final stands first, what is not is written anew behind it.

A reader, and whoever looks after a crash, always finds whole lines, each row once.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

from pipelines.outputs.existing import Existing
from pipelines.outputs.line_file import LineFile, cannot_write
from streamvision.core.errors import OutputError

TAIL_EVERY_S = 1.0
"""How often the lines that may still change are written, unless final ones come: many streams share a file."""


class TableFile(LineFile):
    """Shared by any number of writers, as :class:`LineFile` is.

    Where other processes write to it, too, or it is a pipe, it takes final lines only: what several have written
    cannot be taken back.
    """

    def __init__(self, path: Path, *, existing: Existing = "keep", shared: bool = False, header: str = "") -> None:
        super().__init__(path, existing=existing, shared=shared, header=header)
        descriptor = self._descriptor
        is_regular = descriptor is not None and stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._has_tail = is_regular and not shared
        self._tails: dict[str, str] = {}
        self._tail_at: int | None = None
        self._tail_written_s = 0.0

    def put(self, writer: str, final: str, changing: str) -> None:
        """Write lines that are final, and in place of the writer's changing ones others.

        Args:
            writer: who writes; its changing lines are its own.
            final: whole lines that stay.
            changing: whole lines until the next call.

        Raises:
            OutputError: when they do not fit (disk full) or the file was closed; the final lines are not written then,
                and the file ends with final lines.
        """
        if not self._has_tail:
            if final:
                self.append(final)
            return
        with self._lock:
            if self._descriptor is None:
                raise OutputError(f"cannot write {self.path}: it was closed already; open a new one")
            had_tail = bool(self._tails.pop(writer, ""))
            if changing:
                self._tails[writer] = changing
            is_time = time.monotonic() - self._tail_written_s >= TAIL_EVERY_S
            if final or (is_time and (changing or had_tail)):
                self._write_tail(self._descriptor, final)

    def _write_tail(self, descriptor: int, final: str) -> None:
        if self._tail_at is None:
            self._tail_at = os.fstat(descriptor).st_size
        try:
            os.ftruncate(descriptor, self._tail_at)
        except OSError as error:
            raise cannot_write(self.path, error) from error
        tail = "".join(self._tails.values()).encode()
        self._append(descriptor, memoryview(final.encode() + tail), self._tail_at)
        self._tail_at = os.fstat(descriptor).st_size - len(tail)
        self._tail_written_s = time.monotonic()
