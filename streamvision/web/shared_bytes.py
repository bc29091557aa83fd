"""Bytes that many viewers get: the kernel sends them from one place in memory and copies nothing for each of them."""

from __future__ import annotations

import os
import sys
from collections import deque
from functools import cached_property
from typing import Protocol
from weakref import ref

MOST_FILES = 32
"""So many are open at a time: pictures of streams that have gone may live until garbage is collected."""
_files: deque[ref[_MemoryFile]] = deque()


class SharedBytes(bytes):
    """Bytes with a file in memory, which is there from the first time that they are sent until they are forgotten."""

    @cached_property
    def _file(self) -> _MemoryFile:
        made = _MemoryFile(self)
        _files.append(ref(made))
        if len(_files) > MOST_FILES and (oldest := _files.popleft()()) is not None:
            oldest.close()
        return made

    def send(self, connection: HasDescriptor) -> int:
        """Send as many of them as a connection takes at once; return how many, 0 where this way is not open.

        Args:
            connection: a socket that does not block, and to which nothing else waits to be written.
        """
        if sys.platform != "linux":
            return 0
        try:
            return os.sendfile(connection.fileno(), self._file.descriptor, 0, len(self))
        except OSError:  # it takes nothing, or is broken, which shows when they are written as usual
            return 0


class HasDescriptor(Protocol):
    """What is asked of a socket."""

    def fileno(self) -> int:
        """Return its descriptor; -1 once it is closed."""


class _MemoryFile:
    """A file without a name, closed with the last reference to it.

    Raises:
        OSError: when no more files may be open, or this system has none without a name.
    """

    def __init__(self, content: bytes) -> None:
        self.descriptor = -1
        if sys.platform == "linux":
            self.descriptor = os.memfd_create("picture")
            with open(self.descriptor, "wb", buffering=0, closefd=False) as file:
                file.write(content)

    def close(self) -> None:
        """Give the memory back; calling it twice is harmless. Bytes whose file is closed are written as usual."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()
