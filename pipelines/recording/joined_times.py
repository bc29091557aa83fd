"""One clock for the packets of several files, one after another: what was not recorded takes no time."""

from __future__ import annotations

from pipelines.recording.recorded_file import RecordedPacket

LONGEST_STEP_S = 60.0
"""A longer silence within a file is taken for a gap; MP4 holds no step of more than 6.6 hours."""


class JoinedTimes:
    """Gives packets their times in the file that is made of several. Times begin at 0 and go on over every gap."""

    def __init__(self) -> None:
        self._shift_s: float | None = None
        self._end_s: float | None = None
        self._last_dts_s = 0.0

    def begin_file(self) -> None:
        """Take note that the next packets are those of another file."""
        self._shift_s = self._end_s

    def of(self, found: RecordedPacket) -> tuple[float, float] | None:
        """Return when a packet is shown and decoded, in seconds; ``None`` for sound before the first picture."""
        if self._shift_s is None:
            if not found.is_video:
                return None
            self._shift_s = -found.dts_s
        elif found.is_video and (step_s := found.dts_s + self._shift_s - self._last_dts_s) > LONGEST_STEP_S:
            self._shift_s -= step_s - 1.0
        pts_s, dts_s = found.pts_s + self._shift_s, found.dts_s + self._shift_s
        if found.is_video:
            packet = found.packet
            lasts_s = float(packet.duration * packet.time_base) if packet.duration and packet.time_base else 0.0
            self._end_s, self._last_dts_s = max(self._end_s or 0.0, pts_s + min(lasts_s, 1.0)), dts_s
        return pts_s, dts_s
