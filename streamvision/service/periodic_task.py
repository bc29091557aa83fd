"""Work that is done again and again in a thread of its own, and tried again at growing intervals where it fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from streamvision.core.errors import StreamVisionError
from streamvision.core.redaction import redact_outside

_log = logging.getLogger(__name__)

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 15.0


class PeriodicTask:
    """Calls a function until it is stopped, and once more then.

    Args:
        work: is told whether this is the last call, and returns the seconds until the next.
        name: of the thread, for logs.
        gather_s: how long the next call waits after :meth:`wake` for more to do.
        first_retry_s: how long is waited after a fault; twice as long after each that follows.
        longest_retry_s: how long at most.
    """

    def __init__(
        self,
        work: Callable[[bool], float],
        *,
        name: str,
        gather_s: float = 0.0,
        first_retry_s: float = FIRST_RETRY_S,
        longest_retry_s: float = LONGEST_RETRY_S,
    ) -> None:
        self.fault: str | None = None
        """Why the last call failed, in a sentence; ``None`` where it did not."""
        self._work = work
        self._gather_s = gather_s
        self._first_retry_s, self._longest_retry_s = first_retry_s, longest_retry_s
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Let the next call come soon, unless the last one failed."""
        self._wake.set()

    def pause(self, seconds: float) -> bool:
        """Wait within the work; return whether it is to end."""
        return self._stopping.wait(seconds)

    def stop(self, timeout_s: float) -> None:
        """Call the function for the last time and end; give up waiting for that after ``timeout_s``."""
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        retry_s = self._first_retry_s
        while True:
            self._wake.clear()  # before stopping is asked for, which sets it too
            is_last = self._stopping.is_set()
            try:
                wait_s = self._work(is_last)
                self.fault, retry_s, event = None, self._first_retry_s, self._wake
            except Exception as error:
                self._note(error)
                wait_s, event = retry_s, self._stopping
                retry_s = min(2 * retry_s, self._longest_retry_s)
            if is_last:
                return
            if event.wait(wait_s):
                self._stopping.wait(self._gather_s)

    def _note(self, error: Exception) -> None:
        is_known = isinstance(error, StreamVisionError)
        fault = redact_outside(str(error) if is_known else f"a fault of ours: {error!r}")
        if not is_known:
            _log.error("%s failed unexpectedly", self._thread.name, exc_info=error)
        elif self.fault is None:
            _log.warning("%s", fault)
        self.fault = fault
