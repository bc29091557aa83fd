"""When and how a source that broke is opened again."""

from __future__ import annotations

import random
import socket
from pathlib import Path

from pipelines.capture.source import SourceSpec

FIRST_DELAY_S = 0.25
"""Short, since most interruptions are."""
CAP_S = 30.0
"""A dead camera costs two attempts a minute."""
STABLE_S = 10.0
"""A connection that held this long was a good one: the next fault starts from the shortest wait again."""
REFUSED_FIRST_S = 60.0
REFUSED_AGAIN_FIRST_S = 5.0
"""Of a password that has worked before: cameras refuse everybody while they start."""
REFUSED_CAP_S = 1800.0
REFUSED_FACTOR = 4.0
"""Cameras lock an account after five wrong passwords in half an hour: it is tried at most four times in that time."""
JITTER = 0.25
"""Each wait is up to this share shorter or longer, so that cameras do not come back in step."""


class Backoff:
    """Capped exponential waits with jitter; holds no clock of its own.

    The measured problem: without back-off one dead camera caused 15,000 restarts in three days, and many cameras that
    fail together (a switch reboots) come back in step and overload it again unless their waits differ.
    """

    def __init__(
        self,
        *,
        first_s: float = FIRST_DELAY_S,
        cap_s: float = CAP_S,
        factor: float = 2.0,
        rng: random.Random | None = None,
    ) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._factor = factor
        self._rng = rng or random.Random()
        self._delay_s = first_s

    def next_delay_s(self) -> float:
        """Return the wait before the next attempt, in seconds, and lengthen the one after it."""
        delay_s = self._delay_s
        self._delay_s = min(self._factor * delay_s, self._cap_s)
        return min(delay_s * self._rng.uniform(1 - JITTER, 1 + JITTER), self._cap_s)

    def note_live(self, live_s: float) -> None:
        """Take how long the connection that just ended was live; a stable one starts the waits afresh."""
        if live_s >= STABLE_S:
            self.reset()

    def reset(self) -> None:
        """Start from the shortest wait again, as when a server that was gone has just come back."""
        self._delay_s = self._first_s


def after_refusal(*, worked_before: bool) -> Backoff:
    """Return the waits after a wrong password, so long that no account is locked."""
    first_s = REFUSED_AGAIN_FIRST_S if worked_before else REFUSED_FIRST_S
    return Backoff(first_s=first_s, cap_s=REFUSED_CAP_S, factor=REFUSED_FACTOR)


def is_reachable(spec: SourceSpec, *, timeout_s: float) -> bool | None:
    """Say cheaply whether a source could work again, so that a long back-off ends when its server or camera is back.

    True if the server accepts connections or the device exists; ``None`` where that cannot be asked.
    """
    if spec.endpoint is None:
        return None
    if isinstance(spec.endpoint, Path):
        return spec.endpoint.exists()
    try:
        socket.create_connection(spec.endpoint, timeout=timeout_s).close()
    except (OSError, UnicodeError):  # UnicodeError: a name that cannot be looked up
        return False
    return True
