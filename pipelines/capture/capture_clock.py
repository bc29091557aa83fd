"""When a live frame really reached this machine, though its data may have waited in buffers since.

The measured problem: when decoding falls behind, the data queues in the kernel's and FFmpeg's buffers, and a frame
that is read late looks fresh if its age counts from the read. The frame's own timestamp knows better: on the fastest
of recent frames the offset between our clock and the source's is the true one, and whatever a frame comes later than
that is time it spent waiting (the same estimate as in NTP's clock filter, RFC 5905, section 10).
"""

from __future__ import annotations

from collections import deque

WINDOW_S = 120.0
"""Long enough to outlast a backlog, short enough that clocks 50 ppm apart drift by 6 ms only."""
JUMP_S = 10.0
"""A timestamp this far from where the last one leads belongs to a new timeline."""


class CaptureClock:
    """Minimum of arrival minus timestamp over a sliding window: one small record per candidate, bounded."""

    def __init__(self, *, window_s: float = WINDOW_S, jump_s: float = JUMP_S, capacity: int = 4096) -> None:
        self._window_s = window_s
        self._jump_s = jump_s
        self._candidates: deque[tuple[float, float]] = deque(maxlen=capacity)
        self._last: tuple[float, float] | None = None

    def captured_at_s(self, pts_s: float, arrival_s: float) -> float:
        """Return when the frame should have arrived had nothing held it up; never later than it did.

        Args:
            pts_s: its timestamp in the source's clock.
            arrival_s: when it was read, on ``time.monotonic()``; does not decrease from call to call.
        """
        if self._last is not None and self._is_jump(pts_s, arrival_s):
            self._candidates.clear()
        self._last = (pts_s, arrival_s)
        offset_s = arrival_s - pts_s
        while self._candidates and self._candidates[0][0] < arrival_s - self._window_s:
            self._candidates.popleft()
        while self._candidates and self._candidates[-1][1] >= offset_s:
            self._candidates.pop()
        self._candidates.append((arrival_s, offset_s))
        return pts_s + self._candidates[0][1]

    def _is_jump(self, pts_s: float, arrival_s: float) -> bool:
        """Say whether the timestamp went back, or ahead by far more than time has passed."""
        assert self._last is not None
        advance_s, passed_s = pts_s - self._last[0], arrival_s - self._last[1]
        return advance_s < -1.0 or advance_s - passed_s > self._jump_s
