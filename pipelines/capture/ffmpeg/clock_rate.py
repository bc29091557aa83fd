"""Whether the timestamps of a live source run as fast as time does.

The measured problem: cameras that deliver 15 frames a second and stamp them as if they were 25. What is recorded by
such stamps is too short, speeds are too high, and every frame looks older than the one before it.
"""

from __future__ import annotations

from pipelines.capture.timing import AHEAD_S, REORDER_S

SETTLE_S = 10.0
"""A server may begin with a burst of what it has kept."""
SPAN_S = 30.0
"""Network jitter of a second or two is no rate over this time."""
SLOWEST, FASTEST = 0.8, 1.25
"""Beyond these shares of real time it is no drift of a clock: the best of cameras are wrong by a ten-thousandth."""


class ClockRate:
    """Compares what timestamps advance with what time passes, span after span; one in which they leap does not count.

    Two spans in turn must say the same: a machine that stood still for seconds is slow in one and fast in the next.
    """

    def __init__(self) -> None:
        self._not_before_s: float | None = None
        self._begin: tuple[float, float] | None = None
        self._last: tuple[float, float] | None = None
        self._suspected = 0

    def absurd_rate(self, stamp_s: float, arrival_s: float) -> float | None:
        """Return how fast the timestamps run, in shares of real time, where that is absurd.

        Args:
            stamp_s: of a packet.
            arrival_s: when it was read, on ``time.monotonic()``.
        """
        if self._not_before_s is None:
            self._not_before_s = arrival_s + SETTLE_S
        if arrival_s < self._not_before_s:
            return None
        last, self._last = self._last, (stamp_s, arrival_s)
        if last is None or self._begin is None or _leaps(stamp_s - last[0], arrival_s - last[1]):
            self._begin = self._last
            return None
        passed_s = arrival_s - self._begin[1]
        if passed_s < SPAN_S:
            return None
        rate = (stamp_s - self._begin[0]) / passed_s
        self._begin = self._last
        before, self._suspected = self._suspected, (rate > FASTEST) - (rate < SLOWEST)
        return rate if self._suspected and self._suspected == before else None


def _leaps(advance_s: float, passed_s: float) -> bool:
    return advance_s < -REORDER_S or advance_s - passed_s > AHEAD_S
