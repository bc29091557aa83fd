"""What a terminal shows: tables, and on stderr a line of progress, rewritten in place or now and then in a file."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence

from streamvision.core.stderr import stderr, stderr_is_terminal

_CLEAR = "\r\x1b[K"


class TerminalLine:
    """A line that says how far something is.

    Args:
        redraw_s: shortest time between two drawings on a terminal.
        log_every_s: shortest time between two lines where stderr is a file; ``None``: none are written.
        write_line: writes a line that stays.
    """

    def __init__(
        self, *, redraw_s: float, log_every_s: float | None, write_line: Callable[[str], None] | None = None
    ) -> None:
        self._write_line = write_line or (lambda text: self._write(f"{text}\n"))
        self._terminal = stderr_is_terminal()
        self._every_s = redraw_s if self._terminal else log_every_s
        self._shown_s = time.monotonic()
        self._drawn = False

    def show(self, text: Callable[[], str]) -> None:
        """Show what ``text`` returns, if it is time to."""
        now_s = time.monotonic()
        if self._every_s is None or now_s - self._shown_s < self._every_s:
            return
        self._shown_s = now_s
        if self._terminal:
            self._write(f"{_CLEAR}{text()[: shutil.get_terminal_size().columns - 1]}")
            self._drawn = True
        else:
            self._write_line(text())

    def say(self, text: str) -> None:
        """Write a line that stays, above the one of progress."""
        self.clear()
        self._write_line(text)

    def clear(self) -> None:
        """Remove the line of progress."""
        if self._drawn:
            self._write(_CLEAR)
            self._drawn = False

    @staticmethod
    def _write(text: str) -> None:
        print(text, end="", file=stderr(), flush=True)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table, the first column to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]) for name, *cells in rows]
