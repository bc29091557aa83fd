"""Plays at its own speed what could be read faster."""

from __future__ import annotations

import threading
import time

LATE_S = 0.5
"""Whoever is later than this does not race to catch up: the schedule moves instead."""


class Pacer:
    """Waits for each frame's time, counted from the first."""

    def __init__(self) -> None:
        self._start_s: float | None = None

    def wait(self, pts_s: float, stop: threading.Event) -> None:
        """Return when the frame is due, or at once when ``stop`` is set."""
        now_s = time.monotonic()
        if self._start_s is None or now_s - (self._start_s + pts_s) > LATE_S:
            self._start_s = now_s - pts_s
        stop.wait(max(self._start_s + pts_s - now_s, 0.0))
