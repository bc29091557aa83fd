"""Whether a model's server is away, and when it is asked again: soon, then every two seconds, by one thread."""

from __future__ import annotations

import logging
import threading
import time

from streamvision.core.errors import ModelError
from streamvision.core.redaction import redact_outside

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.25
"""Pause before a server that is away is asked again; doubled each time."""
LONGEST_PAUSE_S = 2.0
"""A server that is back is found within this time and that of one call."""
TURN_S = 60.0
"""For how long the thread that asks is trusted to say what came of it."""


class ModelAway:
    """What the threads of a network know of its server together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reason: str | None = None
        self._since_s = 0.0
        self._ask_at_s = 0.0
        self._asking = False
        self._pause_s = FIRST_PAUSE_S

    @property
    def reason(self) -> str | None:
        """Why it is away and for how long, in words; ``None`` while it is there."""
        reason = self._reason
        return None if reason is None else f"{reason}; for {time.monotonic() - self._since_s:.0f} s, and tried again"

    def waits(self) -> bool:
        """Say whether the server is not to be asked now; where it says no, the one that called asks."""
        if self._reason is None:
            return False
        with self._lock:
            now_s = time.monotonic()
            if self._reason is None or now_s < self._ask_at_s:
                return self._reason is not None
            self._ask_at_s, self._asking = now_s + TURN_S, True
            return False

    def note(self, error: ModelError) -> None:
        """Take that a call found it away."""
        with self._lock:
            now_s = time.monotonic()
            is_first = self._reason is None
            if not is_first and not self._asking:
                return  # one of the calls that were under way when it went
            self._reason, self._asking = redact_outside(str(error)), False
            if is_first:
                self._since_s, self._pause_s = now_s, FIRST_PAUSE_S
            self._ask_at_s = now_s + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        if is_first:
            log.warning("%s; live frames are dropped and files wait until it is back", self._reason)

    def over(self) -> None:
        """Take that a call found it there."""
        if self._reason is not None and self._forget():
            log.warning("the model's server is back after %.1f s", time.monotonic() - self._since_s)

    def replaced(self) -> None:
        """Take that another model is asked from now on."""
        if self._reason is not None and self._forget():
            log.warning("another model is in the place of the one whose server was away")

    def _forget(self) -> bool:
        """Let it be there; return whether it was away."""
        with self._lock:
            was_away, self._reason, self._asking = self._reason is not None, None, False
            return was_away
