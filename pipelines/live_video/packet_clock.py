"""When the packets of one connection are shown: the source's own times, which may leap, be missing, or come twice."""

from __future__ import annotations

from collections import deque

REORDER_S = 0.25
"""Packets come in the order of decoding: where they have no decoding time, they may go back by this much, or by as much
as the one before went ahead, whose picture then refers to more than its neighbour."""
AHEAD_S = 2.0
"""A time that is ahead of the packet's arrival by more than this is no gap but a clock that was set."""
LARGEST_US = 1 << 52
"""Larger times are no numbers that browsers tell apart; in their place arrival counts."""
_KEPT = 128
"""So many of the newest times are told apart."""


class PacketClock:
    """Times in microseconds, in the source's own clock up to its first leap; no two pictures have the same.

    What leaps goes on where it was, by the time that has passed.
    """

    def __init__(self) -> None:
        self._offset_us = 0
        self._stamp_s: float | None = None
        self._arrived_s = 0.0
        self._newest_us = 0
        self._step_s = 0.04
        self._used: deque[int] = deque(maxlen=_KEPT)

    def picture_us(self, pts_s: float | None, dts_s: float | None, arrived_s: float) -> int:
        """Return when a picture is shown.

        Args:
            pts_s: when its source says that it is shown; ``None`` where it does not.
            dts_s: when its source says that it is decoded.
            arrived_s: when it reached this machine, on ``time.monotonic()``.
        """
        stamp_s = dts_s if dts_s is not None else pts_s
        passed_s = max(arrived_s - self._arrived_s, 0.0)
        if stamp_s is None:
            time_us = self._newest_us + round(passed_s * 1e6)
            self._stamp_s = None
        else:
            self._follow(stamp_s, passed_s)
            time_us = round((pts_s if pts_s is not None else stamp_s) * 1e6) + self._offset_us
            if abs(time_us) > LARGEST_US:
                time_us = self._newest_us + round(passed_s * 1e6)
        self._arrived_s = arrived_s
        while time_us in self._used:
            time_us += 1
        self._used.append(time_us)
        self._newest_us = max(time_us, self._newest_us) if len(self._used) > 1 else time_us
        return time_us

    def sound_us(self, pts_s: float | None) -> int | None:
        """Return when sound is heard, by the same clock; ``None`` where nobody knows."""
        if pts_s is None or self._stamp_s is None:
            return None
        time_us = round(pts_s * 1e6) + self._offset_us
        return time_us if abs(time_us) <= LARGEST_US else None

    def _follow(self, stamp_s: float, passed_s: float) -> None:
        """Note a time of decoding; where it leaps, let it go on from where it was."""
        if self._stamp_s is None:
            if self._used:  # it had no times until now
                self._offset_us = self._newest_us + round((passed_s - stamp_s) * 1e6)
        else:
            advance_s = stamp_s - self._stamp_s
            if advance_s < -max(REORDER_S, self._step_s) or advance_s - passed_s > AHEAD_S:
                step_s = min(max(passed_s, self._step_s), AHEAD_S)
                self._offset_us += round((self._stamp_s + step_s - stamp_s) * 1e6)
            elif advance_s > 0:
                self._step_s = advance_s
        self._stamp_s = stamp_s
