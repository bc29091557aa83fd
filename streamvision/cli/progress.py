"""Progress on the terminal: one line that is rewritten, or a line now and then where stderr is a file."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType

import click

from streamvision.core.status import StreamStatus

REDRAW_S = 0.5
LOG_EVERY_S = 10.0


class Progress:
    """Shows frames, fps, age and the time left; writes to stderr only."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._begin_s = time.monotonic()
        self._shown_s = self._begin_s - (REDRAW_S if self._terminal else 0)
        self._drawn = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def say(self, text: str) -> None:
        """Say something that stays, above the line of progress."""
        self._clear()
        click.echo(text, err=True)

    def show(self, statuses: list[StreamStatus]) -> None:
        """Show how the streams are doing, if it is time to."""
        now_s = time.monotonic()
        if now_s - self._shown_s < (REDRAW_S if self._terminal else LOG_EVERY_S):
            return
        self._shown_s = now_s
        line = "  |  ".join(describe(status, now_s - self._begin_s) for status in statuses)
        if self._terminal:
            width = shutil.get_terminal_size().columns
            click.echo(f"\r\x1b[K{line[: width - 1]}", nl=False, err=True)
            self._drawn = True
        else:
            click.echo(line, err=True)

    def _clear(self) -> None:
        if self._drawn:
            click.echo("\r\x1b[K", nl=False, err=True)
            self._drawn = False


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
