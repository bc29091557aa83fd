"""How long a live source may say nothing before that is a fault."""

from __future__ import annotations

from collections import deque

STARTING_S = 10.0
"""Until the rhythm of a source is known: a camera of one picture every few seconds must be given time for three."""
RHYTHM_INTERVALS = 8
"""So many of the newest intervals are the rhythm."""
MISSED = 3.0
"""A source that has missed so many of its own intervals is silent."""
CAP_S = 60.0


class SilenceLimit:
    """The longest silence that is no fault: the configured one, or more where the source's own rhythm is slower.

    The measured problem: a camera that sends one picture every three seconds was taken for a dead one after two, and
    connected to for ever.
    """

    def __init__(self, read_timeout_s: float) -> None:
        """Take the configured limit, below which this one never falls."""
        self._floor_s = read_timeout_s
        self._intervals_s: deque[float] = deque(maxlen=RHYTHM_INTERVALS)
        self._last_s: float | None = None

    @property
    def limit_s(self) -> float:
        """The longest silence that is allowed now, in seconds."""
        if len(self._intervals_s) < 2:
            return max(self._floor_s, STARTING_S)
        return max(self._floor_s, min(MISSED * max(self._intervals_s), CAP_S))

    def arrived(self, now_s: float) -> None:
        """Take note that data came, on ``time.monotonic()``."""
        if self._last_s is not None:
            self._intervals_s.append(now_s - self._last_s)
        self._last_s = now_s

    def sentence(self, shown: str, limit_s: float | None = None) -> str:
        """Return what is said of a source that was silent for longer.

        Args:
            shown: what the source is called.
            limit_s: the limit that held for it; default: :attr:`limit_s`.
        """
        silent_s = self.limit_s if limit_s is None else limit_s
        return (
            f"{shown} has sent nothing for {silent_s:.3g} s; if it is as slow as that, raise read_timeout_s "
            "(--read-timeout)"
        )
