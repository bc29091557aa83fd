"""What the terminal shows while a run, or work of a known number of steps, goes on."""

from __future__ import annotations

import math
import time
from types import TracebackType

from streamvision.core.logs import is_quiet, log_failure, say
from streamvision.core.status import StreamStatus
from streamvision.core.terminal import TerminalLine

LOG_EVERY_S = 10.0
BAR_CELLS = 24


class _Shown:
    """Takes its line away at the end of a ``with`` block."""

    def __init__(self, *, redraw_s: float, in_log: bool = True) -> None:
        self._begin_s = time.monotonic()
        never = is_quiet()
        self._line = TerminalLine(
            redraw_s=math.inf if never else redraw_s,
            log_every_s=LOG_EVERY_S if in_log and not never else None,
            write_line=say,
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.clear()


class Progress(_Shown):
    """Shows frames, fps, age and the time left of each stream; writes to stderr only.

    Args:
        in_log: whether it is said now and then where stderr is no terminal.
    """

    def __init__(self, *, in_log: bool = True) -> None:
        super().__init__(redraw_s=0.5, in_log=in_log)

    def __enter__(self) -> Progress:
        return self

    def say_failure(self, failure: str) -> None:
        """Say above the line of progress, or in the log, what failed for good while the run goes on."""
        self._line.clear()
        log_failure(failure)

    def show(self, statuses: list[StreamStatus], *more: str) -> None:
        """Show how the streams are doing, and what more there is to say, if it is time to."""
        elapsed_s = time.monotonic() - self._begin_s
        self._line.show(lambda: "  |  ".join([*(describe(status, elapsed_s) for status in statuses), *more]))


class StepProgress(_Shown):
    """Shows how many of a known number of steps are done, and how long the rest will take; writes to stderr only.

    Pieces of work may follow upon each other: where the steps begin anew, so does the time.

    Args:
        unit: what the steps are, where :meth:`show_work` does not say it.
    """

    def __init__(self, unit: str = "") -> None:
        super().__init__(redraw_s=0.2)
        self._unit = unit
        self._done = 0
        self._first: int | None = None

    def __enter__(self) -> StepProgress:
        return self

    def show(self, done: int, total: int) -> None:
        """Show the progress, if it is time to."""
        if self._first is None or done < self._done:
            self._begin(done)
        self._done = done
        self._line.show(lambda: self._text(done, total))
        if done >= total:
            self._line.clear()

    def show_work(self, what: str, done: int, total: int) -> None:
        """Show how far the piece of work that ``what`` names has come."""
        if what != self._unit:
            self._line.clear()
            self._unit = what
            self._begin(done)
        self.show(done, total)

    def _begin(self, done: int) -> None:
        """Take the time from here on; how long the steps that are done already took is not known."""
        self._first, self._begin_s = done, time.monotonic()

    def _text(self, done: int, total: int) -> str:
        share = done / total if total else 1.0
        filled = round(share * BAR_CELLS)
        bar = f"{'█' * filled}{'░' * (BAR_CELLS - filled)} {done}/{total} {self._unit}"
        timed = done - (self._first or 0)
        if timed <= 0:
            return bar
        left_s = (time.monotonic() - self._begin_s) * (total - done) / timed
        return f"{bar}, {round(left_s)} s left"


def describe(status: StreamStatus, elapsed_s: float) -> str:
    """Return one stream's progress in words, the time left where the source says how long it is."""
    frames = f"{status.frames_done}"
    left = ""
    if status.frames_expected:
        share = min(status.frames_done / status.frames_expected, 1.0)
        frames = f"{status.frames_done}/{status.frames_expected} ({share:.0%})"
        if 0 < share < 1:
            left = f", {_clock(elapsed_s * (1 - share) / share)} left"
    age = f", age {status.newest_age_s * 1e3:.0f} ms" if status.live and status.newest_age_s is not None else ""
    state = "" if status.state == "live" else f" {status.state}{': ' + status.reason if status.reason else ''}"
    return f"{status.id}{state} {frames} frames, {status.fps:.1f} fps{age}{left}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
