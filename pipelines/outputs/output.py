"""One output of one stream: its sink, how it is doing, and its next try after a fault.

A full disk, or one that was pulled out and comes back, must neither end a recording for good nor go unnoticed: the
output says that it fails, and what it writes to is opened again, at growing intervals.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress

from pipelines.outputs.sink import NamingSink, ReportingSink, Sink
from streamvision.core.errors import StreamVisionError
from streamvision.core.redaction import redact_outside
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.status import OutputStatus
from streamvision.core.telemetry import DropCounter

log = logging.getLogger(__name__)

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 30.0
RECOVERED_S = 5.0
"""How long an output that failed must work until it counts as working: writers in the background fail late."""
FAILING = "failing"
"""Cause under which frames are counted that came while an output could not be written to."""
MAX_FAILURES = 3
"""Most different sentences about what went wrong that are kept."""


class Output:
    """A sink that is opened again when it fails; one stream's worker writes to it, any thread may ask for its status.

    Args:
        name: what it is called.
        target: the file or folder, for messages; ``None`` where there is none.
        sink: what it writes to.
        drops: where the sink counts frames that it had no time for.
        reopen: returns a new sink; ``None`` where a sink that failed is lost.
    """

    def __init__(
        self,
        name: str,
        sink: Sink,
        *,
        target: str | None = None,
        drops: DropCounter | None = None,
        reopen: Callable[[], Sink] | None = None,
    ) -> None:
        self.failures: list[str] = []
        """What went wrong, one sentence each, though the output may work again: what came meanwhile is missing."""
        self._name = name
        self._target = target
        self._sink: Sink | None = sink
        self._drops = drops or DropCounter()
        self._reopen = reopen
        self._names: tuple[str, ...] | None = None
        self._closed = False
        self._reason = ""
        self._times_failed = 0
        self._failed_at_s: float | None = None
        self._retry_s = FIRST_RETRY_S
        self._retry_at_s = 0.0

    def write(self, rendered: RenderedFrame) -> None:
        """Take one result; where that is not possible, count it, and try again later."""
        try:
            sink = self._opened()
            if sink is None:
                self._drops.add(FAILING)
                return
            sink.write(rendered)
        except BaseException as error:  # sys.exit() in somebody's sink must not end the stream's thread
            self._drops.add(FAILING)
            self._note(error)

    def close(self) -> None:
        """Finish what was begun; calling it twice is harmless."""
        if self._closed:
            return
        is_failing = self._is_failing()
        sink, self._sink, self._reopen = self._sink, None, None
        if sink is not None:
            try:
                sink.close()
            except BaseException as error:
                self._note(error)
                is_failing = True
        if not is_failing:
            self._failed_at_s = None
        self._closed = True

    def use_names(self, names: tuple[str, ...]) -> None:
        """Call classes by these names, by class id, from now on."""
        self._names = names
        _name(self._sink, names)

    def status(self) -> OutputStatus:
        """Return how it is doing now."""
        state, reason = self._report()
        return OutputStatus(
            name=self._name,
            target=self._target,
            state=state,
            reason=reason,
            failures=self._times_failed,
            lost=self._drops.by_cause(),
        )

    def _report(self) -> tuple[str, str]:
        if self._is_failing():
            return "failing", self._reason
        if self._closed:
            return "closed", ""
        sink = self._sink
        return sink.report() if isinstance(sink, ReportingSink) else ("writing", "")

    def _is_failing(self) -> bool:
        failed_at_s = self._failed_at_s
        return failed_at_s is not None and (
            self._sink is None or time.monotonic() - failed_at_s < self._retry_s + RECOVERED_S
        )

    def _opened(self) -> Sink | None:
        """Return the sink, opened again if it is time for that."""
        if self._sink is None and self._reopen is not None and time.monotonic() >= self._retry_at_s:
            self._sink = self._reopen()
            _name(self._sink, self._names)
        return self._sink

    def _note(self, error: BaseException) -> None:
        """Take note of a fault and let go of the sink."""
        is_known = isinstance(error, StreamVisionError)
        self._reason = redact_outside(str(error) if is_known else f"an output failed: {error!r}")
        now_s = time.monotonic()
        worked = self._failed_at_s is None or now_s - self._retry_at_s >= RECOVERED_S
        self._retry_s = FIRST_RETRY_S if worked else min(2 * self._retry_s, LONGEST_RETRY_S)
        self._failed_at_s, self._retry_at_s = now_s, now_s + self._retry_s
        self._times_failed += 1
        if self._reason not in self.failures and len(self.failures) < MAX_FAILURES:
            self.failures.append(self._reason)
            log.warning("%s", self._reason, exc_info=None if is_known else error)
        sink, self._sink = self._sink, None
        if sink is not None:
            with suppress(Exception):
                sink.close()


def _name(sink: Sink | None, names: tuple[str, ...] | None) -> None:
    if names is not None and isinstance(sink, NamingSink):
        sink.use_names(names)
