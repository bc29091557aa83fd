"""Where stream workers leave results and the caller's loop takes them.

The policy is the stream's, as everywhere: a live one keeps only its newest result and counts what it drops, a file
waits for the loop, so that nothing is lost.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from pipelines.outputs.sink import SinkContext
from streamvision.core.channel import Channel, Policy
from streamvision.core.rendered_frame import RenderedFrame

BEHIND = "reader_behind"
"""The cause under which results of live streams are counted that the caller had no time for."""
CAPACITY = 2
"""Results of a file that wait; enough that its worker goes on while the caller does."""


class ResultQueue:
    """Results of all streams for one reader, who gets them from each stream in turn."""

    def __init__(self) -> None:
        self._changed = threading.Event()
        self._sinks: deque[QueueSink] = deque()

    def add(self, context: SinkContext) -> QueueSink:
        """Return the sink of a further stream."""
        sink = QueueSink(context, self._changed)
        self._sinks.append(sink)
        return sink

    def take(self, timeout_s: float) -> RenderedFrame | None:
        """Return the next result, waiting for it up to ``timeout_s``; ``None`` if none came."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            self._changed.clear()
            for _ in range(len(self._sinks)):
                self._sinks.rotate(-1)
                if (rendered := self._sinks[-1].results.get(0)) is not None:
                    return rendered
            left_s = deadline_s - time.monotonic()
            if self.finished or left_s <= 0 or not self._changed.wait(left_s):
                return None

    @property
    def finished(self) -> bool:
        """Whether every stream has ended and everything was taken."""
        return all(sink.results.closed and not len(sink.results) for sink in self._sinks)

    def close(self) -> None:
        """Let go of everything; whoever waits goes on."""
        for sink in self._sinks:
            sink.results.close(discard=True)
        self._changed.set()


class QueueSink:
    """The results of one stream; a :class:`pipelines.outputs.sink.Sink`."""

    def __init__(self, context: SinkContext, changed: threading.Event) -> None:
        self._changed = changed
        self.results: Channel[RenderedFrame] = Channel(
            policy=Policy.LATEST if context.live else Policy.BLOCK,
            capacity=1 if context.live else CAPACITY,
            drops=context.drops,
            cause=BEHIND,
            on_put=changed.set,
        )
        """What the reader has not taken."""

    def write(self, rendered: RenderedFrame) -> None:
        """Leave a result; a file waits for the reader, however long it takes, until the queue is closed."""
        self.results.put(rendered)

    def close(self) -> None:
        """Tell that the stream is over."""
        self.results.close()
        self._changed.set()
