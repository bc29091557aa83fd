"""Puts results that are finished in any order back into the order of their frames."""

from __future__ import annotations

import queue
import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class ReorderBuffer(Generic[T]):
    """A queue whose order is that of :meth:`expect`, whenever the results come.

    Several calls into the network run at a time, and the later one may be the faster. What is expected but has not
    come holds up what is behind it, so each sequence number must be answered, with ``None`` where there is no result.
    It holds no more than was expected, which its owner bounds by :attr:`unfinished`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ready: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        self._early: dict[int, T | None] = {}
        self._expected = 0
        self._passed_on = 0
        self._finished = 0

    @property
    def unfinished(self) -> int:
        """How many sequence numbers were given out whose result is not yet :meth:`finish`-ed."""
        return self._expected - self._finished

    def expect(self) -> int:
        """Return the next sequence number, which the result is to be :meth:`put` with."""
        with self._lock:
            self._expected += 1
            return self._expected - 1

    def put(self, sequence: int, result: T | None) -> None:
        """Answer a sequence number; ``None`` gives it up."""
        with self._lock:
            self._early[sequence] = result
            while self._passed_on in self._early:
                next_result = self._early.pop(self._passed_on)
                self._passed_on += 1
                if next_result is None:
                    self._finished += 1
                else:
                    self._ready.put(next_result)

    def get(self) -> T | None:
        """Wait for the next result in order and return it; ``None`` once :meth:`end` was called and all is out."""
        return self._ready.get()

    def finish(self) -> None:
        """Tell that the result that was got last is done with."""
        with self._lock:
            self._finished += 1

    def end(self) -> None:
        """Wake the consumer with ``None`` behind all that is ready."""
        self._ready.put(None)
