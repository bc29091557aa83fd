"""Where the lanes leave results and the caller's loop takes them.

The policy is the stream's, as everywhere: a live one keeps only its newest result and counts what it drops, a file
waits until there is room, so that nothing is lost.
"""

from __future__ import annotations

import threading
from collections import deque

from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.telemetry import DropCounter

BEHIND = "reader_behind"
"""The cause under which results of live streams are counted that the caller had no time for."""
CAPACITY = 2
"""Results of a file that wait; enough that its lane works on while the caller does."""
POLL_S = 0.5


class Mailbox:
    """Results of all streams for one reader, who gets them from each stream in turn."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._slots: deque[MailSlot] = deque()
        self._closed = False

    def add(self, *, live: bool, drops: DropCounter) -> MailSlot:
        """Return the sink of a further stream.

        Args:
            live: whether only its newest result counts.
            drops: where results are counted that nobody took.
        """
        slot = MailSlot(self._changed, live=live, drops=drops)
        self._slots.append(slot)
        return slot

    def take(self, timeout_s: float) -> RenderedFrame | None:
        """Return the next result, waiting for it up to ``timeout_s``; ``None`` if none came."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or self.finished or any(s.waiting for s in self._slots), timeout_s
            )
            for _ in range(len(self._slots)):
                slot = self._slots[0]
                self._slots.rotate(-1)
                if slot.waiting:
                    self._changed.notify_all()
                    return slot.waiting.popleft()
            return None

    @property
    def finished(self) -> bool:
        """Whether every stream has ended and everything was taken."""
        return all(slot.ended and not slot.waiting for slot in self._slots)

    def close(self) -> None:
        """Let go of everything; whoever waits for room or for results goes on."""
        with self._changed:
            self._closed = True
            for slot in self._slots:
                slot.shut()
            self._changed.notify_all()


class MailSlot:
    """The results of one stream; a :class:`pipelines.outputs.sink.Sink`."""

    def __init__(self, changed: threading.Condition, *, live: bool, drops: DropCounter) -> None:
        self.waiting: deque[RenderedFrame] = deque()
        """What the reader has not taken, the oldest first."""
        self.ended = False
        """Whether nothing more will come."""
        self._changed = changed
        self._live = live
        self._drops = drops
        self._shut = False

    def write(self, annotated: RenderedFrame) -> None:
        """Leave a result; a file waits for room, however long the reader takes, until the mailbox is closed."""
        with self._changed:
            if self._live and self.waiting:
                self._drops.add(BEHIND, len(self.waiting))
                self.waiting.clear()
            while len(self.waiting) >= CAPACITY and not self._shut:
                self._changed.wait(POLL_S)
            if not self._shut:
                self.waiting.append(annotated)
                self._changed.notify_all()

    def close(self) -> None:
        """Tell that the stream is over."""
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def shut(self) -> None:
        """Take nothing any more; the mailbox calls it, holding the lock."""
        self._shut = True
        self.waiting.clear()
