"""Progress of work that has a known number of steps: one line that is rewritten, or a line now and then in a file."""

from __future__ import annotations

import sys
import time
from types import TracebackType

import click

REDRAW_S = 0.2
LOG_EVERY_S = 10.0
BAR_CELLS = 24


class StepProgress:
    """Shows how much is done and how long the rest will take; writes to stderr only."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._terminal = sys.stderr.isatty()
        self._begin_s = time.monotonic()
        self._shown_s = self._begin_s
        self._drawn = False

    def __enter__(self) -> StepProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn:
            click.echo("\r\x1b[K", nl=False, err=True)

    def show(self, done: int, total: int) -> None:
        """Show the progress, if it is time to."""
        now_s = time.monotonic()
        if now_s - self._shown_s < (REDRAW_S if self._terminal else LOG_EVERY_S):
            return
        self._shown_s = now_s
        share = done / total if total else 1.0
        left_s = (now_s - self._begin_s) * (1 - share) / share if share else 0.0
        line = f"{done}/{total} {self._unit}, {round(left_s)} s left"
        if self._terminal:
            filled = round(share * BAR_CELLS)
            click.echo(f"\r\x1b[K{'█' * filled}{'░' * (BAR_CELLS - filled)} {line}", nl=False, err=True)
            self._drawn = True
        else:
            click.echo(line, err=True)
