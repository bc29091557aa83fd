"""Slow writers in a thread of their own: an encoder that cannot keep up must not stall a live stream.

The policy is the stream's: a live one loses the oldest waiting frame and counts it, a file waits for the writer.
"""

from __future__ import annotations

import logging
import threading
import time

from pipelines.outputs.first_failure import FirstFailure
from pipelines.outputs.sink import Sink
from streamvision.core.channel import Channel, Policy
from streamvision.core.errors import OutputError
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.telemetry import DropCounter

BEHIND = "recorder_behind"
"""The cause under which frames are counted that the writer had no time for."""

_CAPACITY = 8  # a third of a second at 25 fps, and at most 25 MB of 1080p pictures
_PATIENCE_S = 30.0  # a writer that takes nothing for so long hangs
_CLOSE_LIVE_S = 2.0  # stop() of a stream returns within 3 s
_CLOSE_LOSSLESS_S = 30.0
_POLL_S = 1.0

_log = logging.getLogger(__name__)


class BackgroundSink:
    """Hands results to another sink in a thread of its own, through a bounded channel.

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
        self._waiting: Channel[RenderedFrame] = Channel(
            policy=Policy.BLOCK if lossless else Policy.LATEST, capacity=capacity, drops=self._drops, cause=BEHIND
        )
        self._lock = threading.Lock()
        self._failure = FirstFailure()
        self._close_before_s: float | None = None
        self._thread = threading.Thread(target=self._work, name=f"sink-{name}", daemon=True)
        self._thread.start()

    @property
    def failure(self) -> OutputError | None:
        """Why nothing is written any more; ``None`` while all is well."""
        return OutputError(self._failure.reason) if self._failure.reason is not None else None

    @property
    def drops(self) -> DropCounter:
        """Frames that the writer had no time for."""
        return self._drops

    def write(self, rendered: RenderedFrame) -> None:
        """Queue one result. Lossless: wait for the writer; live: never wait, the oldest result is dropped.

        Raises:
            OutputError: when the writing of an earlier result failed; nothing is written any more.
        """
        if not self._waiting.put(rendered, timeout_s=_PATIENCE_S) and not self._waiting.closed:
            self._fail(f"{self._name} took no frame for {_PATIENCE_S:.0f} s; its disk may hang")
        self._failure.check()

    def close(self) -> None:
        """Write what is waiting, within 2 s for a live stream and 30 s for a file, and finish.

        Raises:
            OutputError: when something was not written and :meth:`write` has not said so yet.
        """
        patience_s = _CLOSE_LOSSLESS_S if self._lossless else _CLOSE_LIVE_S
        with self._lock:
            if self._close_before_s is None:
                self._close_before_s = time.monotonic() + patience_s
        self._waiting.close()
        self._thread.join(patience_s + 0.5)
        if self._thread.is_alive():
            self._fail(f"{self._name} did not finish within {patience_s:.0f} s; its end may be lost")
        self._failure.check_at_end()

    def _work(self) -> None:
        try:
            while not self._waiting.closed or len(self._waiting):
                rendered = self._waiting.get(_POLL_S)
                if self._close_before_s is not None and time.monotonic() > self._close_before_s:
                    self._drops.add(BEHIND, 0 if rendered is None else 1)
                    self._waiting.close(discard=True, cause=BEHIND)
                elif rendered is not None:
                    self._sink.write(rendered)
        except Exception as error:
            self._report(error)
        finally:
            try:
                self._sink.close()
            except Exception as error:
                self._report(error)

    def _report(self, error: Exception) -> None:
        if isinstance(error, OutputError):
            self._fail(str(error))
            return
        _log.error("%s failed unexpectedly", self._name, exc_info=error)
        self._fail(f"{self._name} failed: {error}")

    def _fail(self, reason: str) -> None:
        """Keep the first failure and take nothing more."""
        self._failure.note(reason)
        self._waiting.close(discard=True, cause=BEHIND)
