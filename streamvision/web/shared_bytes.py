"""Bytes that many viewers get: the kernel sends them from one place in memory and copies nothing for each of them."""

from __future__ import annotations

import os
import sys
from functools import cached_property
from typing import Protocol


class SharedBytes(bytes):
    """Bytes with a file in memory, which is there from the first time that they are sent until they are forgotten."""

    @cached_property
    def _file(self) -> _MemoryFile:
        return _MemoryFile(self)

    @cached_property
    def chunk(self) -> SharedBytes:
        """These bytes as one chunk, kept with them, so that no file outlives the picture."""
        return SharedBytes(in_chunk(self))

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


def in_chunk(message: bytes) -> bytes:
    """Frame a message as a chunk (RFC 9112, 7.1)."""
    return b"%x\r\n%b\r\n" % (len(message), message)


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

    def __del__(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
