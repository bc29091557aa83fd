"""A spool in memory: what waits in it is lost with the process."""

from __future__ import annotations

import threading
from collections import deque
from itertools import islice

from streamvision.notify.message import Message, Waiting


class MemorySpool:
    """See :class:`streamvision.notify.spool.Spool`.

    Args:
        max_messages: most messages that wait.
        max_bytes: most room that they take, pictures included.
    """

    def __init__(self, *, max_messages: int, max_bytes: int) -> None:
        self.lost = 0
        """How many messages made room for newer ones."""
        self._max_messages, self._max_bytes = max_messages, max_bytes
        self._lock = threading.Lock()
        self._waiting: deque[Waiting] = deque()
        self._bytes = 0
        self._newest = 0

    def put(self, message: Message) -> None:
        """Append a message; beyond the bounds the oldest make room."""
        with self._lock:
            self._newest += 1
            self._waiting.append(Waiting(self._newest, message))
            self._bytes += message.size_bytes
            while self._waiting and (len(self._waiting) > self._max_messages or self._bytes > self._max_bytes):
                self._drop()
                self.lost += 1

    def first(self, count: int) -> list[Waiting]:
        """Return the oldest messages, so many at most."""
        with self._lock:
            return list(islice(self._waiting, count))

    def remove(self, number: int) -> None:
        """Take out the messages up to and with this number."""
        with self._lock:
            while self._waiting and self._waiting[0].number <= number:
                self._drop()

    def __len__(self) -> int:
        return len(self._waiting)

    def close(self) -> None:
        """Nothing is open."""

    def _drop(self) -> None:
        self._bytes -= self._waiting.popleft().message.size_bytes
