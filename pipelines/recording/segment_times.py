"""Times of packets within one file, which begins at 0, whatever becomes of the camera's clock meanwhile."""

from __future__ import annotations

from fractions import Fraction

from pipelines.capture.packets import EncodedPacket

_AHEAD_S = 2.0
"""Times that run ahead of arrival by more than this are those of a clock that was set."""
_BACK_S = 0.1
"""So are those that go back by more than this; a smaller step back is jitter."""


class SegmentTimes:
    """Of one track.

    Args:
        time_base: seconds of one tick of its packets.
        start_at_s: when the file's first picture arrived, on ``time.monotonic()``.
        start_pts_s: the time of that picture in the source's own clock; ``None`` where it has none.
        earliest: the earliest decoding time that may be, in ticks; ``None`` for any.
    """

    def __init__(
        self,
        time_base: Fraction,
        *,
        start_at_s: float,
        start_pts_s: Fraction | None,
        earliest: int | None = None,
    ) -> None:
        self._time_base = time_base
        self._start_at_s = start_at_s
        self._shift = None if start_pts_s is None else round(start_pts_s / time_base)
        self._earliest = earliest
        self._ahead = round(_AHEAD_S / time_base)
        self._back = round(_BACK_S / time_base)
        self._last_own: int | None = None
        self._last_placed: int | None = None
        self._last_at_s = start_at_s

    def place(self, packet: EncodedPacket) -> tuple[int, int]:
        """Return when a packet is shown and decoded, in ticks from the beginning of the file.

        A clock that was set is gone on from by the usual interval; decoding times always grow.
        """
        own = self._own_time(packet)
        placed = own
        if self._last_placed is not None:
            placed = max(own, self._last_placed + 1)
        elif self._earliest is not None:
            placed = max(own, self._earliest)
        hold = 0 if packet.pts is None or packet.dts is None else packet.pts - packet.dts
        self._last_own, self._last_placed, self._last_at_s = own, placed, packet.arrived_at_s
        return max(own + hold, placed), placed

    def _own_time(self, packet: EncodedPacket) -> int:
        """Return the decoding time by the source's clock, or by arrival where it has none."""
        by_arrival = round((packet.arrived_at_s - self._start_at_s) / self._time_base)
        if packet.dts is None or self._shift is None:
            return by_arrival
        own = packet.dts - self._shift
        expected = self._expected(packet, own, by_arrival)
        self._shift += own - expected
        return expected

    def _expected(self, packet: EncodedPacket, own: int, by_arrival: int) -> int:
        """Return the source's time, or where that leaps, the one to go on with."""
        if self._last_own is None:
            return own if abs(own - by_arrival) <= self._ahead else by_arrival
        elapsed = max(round((packet.arrived_at_s - self._last_at_s) / self._time_base), 0)
        if -self._back <= own - self._last_own <= elapsed + self._ahead:
            return own
        return self._last_own + max(packet.duration or min(elapsed, self._ahead), 1)
