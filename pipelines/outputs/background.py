"""Slow writers in a thread of their own: an encoder that cannot keep up must not stall a live stream.

The policy is the stream's: a live one loses the oldest waiting frame and counts it, a file waits for the writer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque

from pipelines.outputs.sink import Sink
from streamvision.core.errors import OutputError
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.telemetry import DropCounter

BEHIND = "recorder_behind"
"""The cause under which frames are counted that the writer had no time for."""

_CAPACITY = 8  # a third of a second at 25 fps, and at most 25 MB of 1080p pictures
_PATIENCE_S = 30.0  # a writer that takes nothing for so long hangs
_CLOSE_LIVE_S = 2.0  # stop() of a stream returns within 3 s
_CLOSE_LOSSLESS_S = 30.0

_log = logging.getLogger(__name__)


class BackgroundSink:
    """Hands results to another sink in a thread of its own, through a bounded queue.

    A failure of the other sink closes it at once and is raised by the next :meth:`write`, or by :meth:`close` where
    there is none, so that it is reported once; it stays in :attr:`failure`.
    """

    def __init__(
        self, sink: Sink, *, name: str, lossless: bool, drops: DropCounter | None = None, capacity: int = _CAPACITY
    ) -> None:
        self._sink = sink
        self._name = name
        self._lossless = lossless
        self._drops = drops if drops is not None else DropCounter()
        self._capacity = capacity
        self._waiting: deque[RenderedFrame] = deque()
        self._changed = threading.Condition()
        self._failure: OutputError | None = None
        self._reported = False
        self._close_before_s: float | None = None
        self._thread = threading.Thread(target=self._work, name=f"sink-{name}", daemon=True)
        self._thread.start()

    @property
    def failure(self) -> OutputError | None:
        """Why nothing is written any more; ``None`` while all is well."""
        return self._failure

    @property
    def drops(self) -> DropCounter:
        """Frames that the writer had no time for."""
        return self._drops

    def write(self, annotated: RenderedFrame) -> None:
        """Queue one result. Lossless: wait for room; live: never wait, the oldest result makes room.

        Raises:
            OutputError: when the writing of an earlier result failed; nothing is written any more.
        """
        with self._changed:
            if self._lossless and not self._changed.wait_for(self._has_room, _PATIENCE_S):
                self._fail(OutputError(f"{self._name} took no frame for {_PATIENCE_S:.0f} s; its disk may hang"))
            self._raise_failure()
            if self._close_before_s is not None:
                return
            if len(self._waiting) >= self._capacity:
                self._waiting.popleft()
                self._drops.add(BEHIND)
            self._waiting.append(annotated)
            self._changed.notify_all()

    def close(self) -> None:
        """Write what is waiting, within 2 s for a live stream and 30 s for a file, and finish.

        Raises:
            OutputError: when something was not written and :meth:`write` has not said so yet.
        """
        patience_s = _CLOSE_LOSSLESS_S if self._lossless else _CLOSE_LIVE_S
        with self._changed:
            if self._close_before_s is None:
                self._close_before_s = time.monotonic() + patience_s
            self._changed.notify_all()
        self._thread.join(patience_s + 0.5)
        with self._changed:
            if self._thread.is_alive():
                self._fail(OutputError(f"{self._name} did not finish within {patience_s:.0f} s; its end may be lost"))
            if not self._reported:
                self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            self._reported = True
            raise self._failure

    def _has_room(self) -> bool:
        over = self._failure is not None or self._close_before_s is not None
        return over or len(self._waiting) < self._capacity

    def _work(self) -> None:
        try:
            while (annotated := self._next()) is not None:
                self._sink.write(annotated)
        except Exception as error:
            self._report(error)
        finally:
            try:
                self._sink.close()
            except Exception as error:
                self._report(error)

    def _next(self) -> RenderedFrame | None:
        """Return the next result, or ``None`` when it is time to finish."""
        with self._changed:
            while not self._waiting and self._close_before_s is None and self._failure is None:
                self._changed.wait(1.0)
            late = self._close_before_s is not None and time.monotonic() > self._close_before_s
            if self._failure is not None or late:
                if self._waiting:
                    self._drops.add(BEHIND, len(self._waiting))
                    self._waiting.clear()
                return None
            annotated = self._waiting.popleft() if self._waiting else None
            self._changed.notify_all()
            return annotated

    def _report(self, error: Exception) -> None:
        if not isinstance(error, OutputError):
            _log.error("%s failed unexpectedly", self._name, exc_info=error)
            error = OutputError(f"{self._name} failed: {error}")
        with self._changed:
            self._fail(error)

    def _fail(self, error: OutputError) -> None:
        """Remember the first failure; called with the lock held."""
        if self._failure is None:
            self._failure = error
        self._waiting.clear()
        self._changed.notify_all()
