"""A stream is a state machine; its legal moves are the table below and nothing else."""

from __future__ import annotations

import threading
import time
from enum import Enum

from streamvision.core.redaction import redact_outside


class StreamState(str, Enum):
    """Where a stream stands. Silence is a fault, as errors are."""

    IDLE = "idle"
    CONNECTING = "connecting"
    LIVE = "live"
    STALLED = "stalled"
    RECONNECTING = "reconnecting"
    ENDED = "ended"
    FAILED = "failed"
    STOPPED = "stopped"


_S = StreamState
LEGAL_MOVES: dict[StreamState, frozenset[StreamState]] = {
    _S.IDLE: frozenset({_S.CONNECTING, _S.FAILED, _S.STOPPED}),
    _S.CONNECTING: frozenset({_S.LIVE, _S.RECONNECTING, _S.ENDED, _S.FAILED, _S.STOPPED}),
    _S.LIVE: frozenset({_S.STALLED, _S.RECONNECTING, _S.ENDED, _S.FAILED, _S.STOPPED}),
    _S.STALLED: frozenset({_S.LIVE, _S.RECONNECTING, _S.FAILED, _S.STOPPED}),
    _S.RECONNECTING: frozenset({_S.LIVE, _S.FAILED, _S.STOPPED}),
    _S.ENDED: frozenset(),
    _S.FAILED: frozenset(),
    _S.STOPPED: frozenset(),
}
"""From each state, the states that may follow. Stopping is legal until the stream is over."""

FINAL_STATES = frozenset(state for state, following in LEGAL_MOVES.items() if not following)


class StateMachine:
    """Holds one stream's state, why it was entered and when; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = StreamState.IDLE
        self._reason = ""
        self._since_s = time.monotonic()

    @property
    def state(self) -> StreamState:
        """The present state."""
        return self._state

    def snapshot(self) -> tuple[StreamState, str, float]:
        """Return state, reason and the seconds since it was entered, all of one moment."""
        with self._lock:
            return self._state, self._reason, time.monotonic() - self._since_s

    def move(self, to: StreamState, reason: str = "") -> bool:
        """Enter ``to`` if that is legal; return whether it happened.

        A stream that is over stays over: a late report from a reader thread is ignored. Any other illegal move is a
        fault in the program.

        Raises:
            RuntimeError: when the table has no such move.
        """
        reason = redact_outside(reason)
        with self._lock:
            if self._state in FINAL_STATES:
                return False
            if to is self._state:
                self._reason = reason
                return True
            if to not in LEGAL_MOVES[self._state]:
                raise RuntimeError(f"a stream cannot go from {self._state.value} to {to.value}")
            self._state, self._reason, self._since_s = to, reason, time.monotonic()
            return True
