"""Timestamps that never decrease, whatever the source's own do.

The measured problem: cameras restart their clock, raw streams carry no timestamps at all, and after a reconnect RTSP
counts from 0 again; a tracker that is fed a negative or absent dt loses its objects.
"""

from __future__ import annotations

RESTART_S = 1.0
"""A step back by more than this is a new clock; a smaller one is jitter and is flattened."""


class MonotonicPts:
    """The timestamps of one reader."""

    def __init__(self, interval_s: float) -> None:
        """Take the nominal time from frame to frame, used where timestamps are missing."""
        self._interval_s = interval_s
        self._offset_s = 0.0
        self._last_s: float | None = None

    def next_s(self, raw_s: float | None) -> float:
        """Return the time of the next frame, given the source's own, or ``None`` where it has none."""
        if self._last_s is None:
            self._last_s = raw_s if raw_s is not None else 0.0
        elif raw_s is None:
            self._last_s += self._interval_s
        else:
            if self._last_s - (raw_s + self._offset_s) > RESTART_S:
                self._offset_s = self._last_s + self._interval_s - raw_s
            self._last_s = max(raw_s + self._offset_s, self._last_s)
        return self._last_s


class StreamTimeline:
    """Joins the timestamps of a stream's successive readers: across a reconnect, as much time passes as really did."""

    def __init__(self) -> None:
        self._offset_s = 0.0
        self._last: tuple[float, float] | None = None
        self._rebase = False

    def reconnected(self) -> None:
        """Tell that the next timestamp comes from a new reader."""
        self._rebase = True

    def stream_pts_s(self, pts_s: float, captured_at_s: float) -> float:
        """Return the frame's time in the stream's clock: the first reader's, continued."""
        if self._rebase and self._last is not None:
            last_pts_s, last_captured_at_s = self._last
            self._offset_s = last_pts_s + max(captured_at_s - last_captured_at_s, 0.0) - pts_s
        self._rebase = False
        stream_s = pts_s + self._offset_s
        if self._last is not None:
            stream_s = max(stream_s, self._last[0])
        self._last = (stream_s, captured_at_s)
        return stream_s
