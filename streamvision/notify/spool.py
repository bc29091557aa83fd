"""What waits for a target: in order, bounded, and on disk where it is to outlive this process."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Protocol

from streamvision.notify.disk_spool import DiskSpool, SpoolInUseError
from streamvision.notify.memory_spool import MemorySpool
from streamvision.notify.message import Message, Waiting

_log = logging.getLogger(__name__)


class Spool(Protocol):
    """A queue of messages for one target, the oldest first; safe to use from any thread."""

    lost: int
    """How many messages made room for newer ones since this process began."""

    def put(self, message: Message) -> None:
        """Append a message; beyond the bounds the oldest make room, and are counted as :attr:`lost`.

        Raises:
            OutputError: when it cannot be written (disk full, say).
        """

    def first(self, count: int) -> list[Waiting]:
        """Return the oldest messages, so many at most; they stay where they are.

        Raises:
            OutputError: when they cannot be read.
        """

    def remove(self, number: int) -> None:
        """Take out the messages up to and with this number: they are delivered, or given up.

        Raises:
            OutputError: when that cannot be written.
        """

    def __len__(self) -> int:
        """Return how many messages wait."""

    def close(self) -> None:
        """Let go of what is open; what waits on disk is there at the next start. Calling it twice is harmless."""


def open_spool(folder: Path | None, name: str, *, max_messages: int, max_bytes: int) -> Spool:
    """Return the spool of a target, with what waits in it since an earlier run.

    Args:
        folder: where it lies on disk, for its owner alone; ``None``: in memory.
        name: the target's name.
        max_messages: most messages that wait.
        max_bytes: most room that they take, pictures included.

    Raises:
        OutputError: when it cannot be written.
    """
    if folder is not None:
        try:
            return DiskSpool(folder / f"{name}.db", max_messages=max_messages, max_bytes=max_bytes)
        except SpoolInUseError as error:
            _log.warning("%s", error)
    return MemorySpool(max_messages=max_messages, max_bytes=max_bytes)
