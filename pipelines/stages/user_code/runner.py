"""One stage on one stream: it runs in a thread of its own, and the lane waits for it no longer than its budget.

A stage that is late is not waited for again before it has come back: frames meanwhile go on without it, counted as
skipped. Python cannot end a thread, so a stage that never comes back keeps its thread, and nothing else.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback

from streamvision.core.stage_output import StageOutput, checked_output
from streamvision.core.stage_view import StageView
from streamvision.core.status import StageStatus
from streamvision.core.telemetry import Distribution
from streamvision.core.user_stage import Stage

log = logging.getLogger(__name__)

_MOST_WORDS = 300
"""Longest reason that the page is given, in characters."""


class StageRunner:
    """Runs one stage for one stream; the lane's thread calls, any thread may ask for the :meth:`status`.

    Args:
        stage: the code and its settings.
        stream_id: the stream, for messages.

    Raises:
        ConfigError: when the stage does not take its options.
    """

    def __init__(self, stage: Stage, *, stream_id: str) -> None:
        self.stage = stage
        self._function = stage.create()
        self._stream_id = stream_id
        self._changed = threading.Condition()
        self._job: StageView | None = None
        self._output: StageOutput | None = None
        self._busy_since_s: float | None = None
        self._closed = False
        self._off = False
        self._late = False
        self._reason = ""
        self._failures_in_row = 0
        self._done = self._overruns = self._skipped = self._failures = 0
        self._seconds = Distribution(512)
        self._thread: threading.Thread | None = None

    def run(self, view: StageView) -> StageOutput | None:
        """Return what the stage makes of a frame; ``None`` where it failed, is late, or is switched off."""
        with self._changed:
            if self._off or self._busy_since_s is not None:
                self._skipped += 1
                return None
            self._job, self._output = view, None
            self._busy_since_s = time.monotonic()
            self._begin()
            self._changed.notify_all()
            if not self._changed.wait_for(self._is_back, self.stage.settings.budget_ms / 1e3):
                self._overruns += 1
                self._late = True
                self._reason = f"took longer than its {self.stage.settings.budget_ms:g} ms"
                return None
            output = self._take()
            if output is not None:
                self._done += 1
                self._late = False
            return output

    def close(self) -> None:
        """Call it no more; a thread that is in the middle of it ends when it comes back."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def status(self) -> StageStatus:
        """Return how the stage is doing now."""
        with self._changed:
            state = "off" if self._off else "failing" if self._failures_in_row else "late" if self._late else "running"
            reason = self._reason if state != "running" else ""
            if state == "late" and self._busy_since_s is not None:
                reason = f"{self._reason}; busy for {time.monotonic() - self._busy_since_s:.1f} s"
            quantiles = self._seconds.quantiles()
            return StageStatus(
                name=self.stage.name,
                state=state,
                reason=reason,
                budget_ms=self.stage.settings.budget_ms,
                done=self._done,
                overruns=self._overruns,
                skipped=self._skipped,
                failures=self._failures,
                p95_ms=round(quantiles["p95"] * 1e3, 3) if quantiles else None,
            )

    def _is_back(self) -> bool:
        return self._busy_since_s is None

    def _take(self) -> StageOutput | None:
        output, self._output = self._output, None
        return output

    def _begin(self) -> None:
        if self._thread is None:
            name = f"stage-{self.stage.name}-{self._stream_id}"
            self._thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while (view := self._next()) is not None:
            begin_s = time.perf_counter()
            output, error = None, None
            try:
                shape = (view.picture.height_px, view.picture.width_px)
                output = checked_output(self._function(view), shape=shape, classes=len(view.names))
            except BaseException as caught:  # sys.exit() in a stage must not end its thread without a word
                error = caught
            self._come_back(output, error, time.perf_counter() - begin_s)

    def _next(self) -> StageView | None:
        with self._changed:
            self._changed.wait_for(lambda: self._job is not None or self._closed)
            job, self._job = self._job, None
            return None if self._closed else job

    def _come_back(self, output: StageOutput | None, error: BaseException | None, seconds: float) -> None:
        with self._changed:
            self._seconds.add(seconds)
            if error is None:
                self._failures_in_row = 0
                self._output = output
            else:
                self._fail(error)
            self._busy_since_s = None
            self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        self._failures += 1
        self._failures_in_row += 1
        self._reason = _where(error)[:_MOST_WORDS]
        if self._failures_in_row == 1:
            log.warning("stream %s, stage %s: %s", self._stream_id, self.stage.name, self._reason, exc_info=error)
        if self._failures_in_row >= self.stage.settings.give_up_after:
            self._off = True
            times = f"{self._failures_in_row} errors in a row" if self._failures_in_row > 1 else "an error"
            self._reason = f"switched off after {times}: {self._reason}"[:_MOST_WORDS]
            log.warning("stream %s, stage %s: %s", self._stream_id, self.stage.name, self._reason)


def _where(error: BaseException) -> str:
    """Return an error in words, with the line of the user's own code that it came from."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    at = next((f for f in reversed(frames) if not f.filename.endswith("stage_output.py")), None)
    place = f" ({at.filename.rpartition('/')[2]}, line {at.lineno})" if at is not None else ""
    return f"{type(error).__name__}: {error}{place}"
