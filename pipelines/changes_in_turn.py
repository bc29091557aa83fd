"""Which streams of a run are in the middle of a change: of one stream, only one thread changes something at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from streamvision.core.errors import BusyError
from streamvision.core.redaction import short

CHANGE_TIMEOUT_S = 10.0
"""Longest wait for a change of the same stream that another thread is in the middle of."""


class StreamChanges:
    """Lets threads change different streams at the same time, and the same one in turn.

    Args:
        timeout_s: longest wait for another thread.
    """

    def __init__(self, *, timeout_s: float = CHANGE_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self.lock = threading.Condition()
        """Guards the ids below, and what the run decides by them."""
        self.busy: set[str] = set()
        """Ids of the streams that are in the middle of a change."""

    @contextmanager
    def of(self, stream_id: str) -> Iterator[None]:
        """Let no other thread change the stream meanwhile.

        Raises:
            BusyError: when one is in the middle of it and does not come to an end.
        """
        with self.lock:
            self._wait_free(stream_id)
            self.busy.add(stream_id)
        try:
            yield
        finally:
            self._set_free(stream_id)

    @contextmanager
    def reserved(self, stream_id: str | None, name_with: Callable[[set[str]], str]) -> Iterator[str]:
        """Give the name of a stream that is to come, which no other may take meanwhile.

        Args:
            stream_id: the id that is asked for; ``None``: any.
            name_with: returns the name by the ids that are taken; called under the lock.

        Raises:
            BusyError: as for :meth:`of`.
            StreamVisionError: from ``name_with``.
        """
        with self.lock:
            if stream_id is not None:
                self._wait_free(stream_id)
            name = name_with(self.busy)
            self.busy.add(name)
        try:
            yield name
        finally:
            self._set_free(name)

    def _wait_free(self, stream_id: str) -> None:
        if not self.lock.wait_for(lambda: stream_id not in self.busy, self._timeout_s):
            raise BusyError(f"stream {short(stream_id)!r} is in the middle of another change; try again")

    def _set_free(self, stream_id: str) -> None:
        with self.lock:
            self.busy.discard(stream_id)
            self.lock.notify_all()
