"""One recorded file in the making: its packets at their times, and what was found on its frames beside it."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from pipelines.capture.packets import EncodedPacket, EncodedTrack
from pipelines.capture.wall_clock import arrival_time
from pipelines.recording.boxes_file import BoxesFile, FoundObjects
from pipelines.recording.segment_file import SegmentFile
from pipelines.recording.segment_store import WrittenSegment, boxes_path
from pipelines.recording.segment_times import SegmentTimes
from streamvision.core.errors import OutputError

log = logging.getLogger(__name__)

_SYNC_EVERY_S = 10.0
"""Power loss takes so much at most, and what the file system adds to it."""
_USUAL_FRAME_S = 0.04


class SegmentWriter:
    """Writes one file from a key frame on.

    Args:
        path: where to.
        stream: of which stream.
        start_unix_s: when the key frame arrived, as the store was told.
        tracks: what goes into it, the pictures first.
        key: the packet of the key frame; it is not written yet.

    Raises:
        OutputError: from all methods, when it cannot be written.
    """

    def __init__(
        self, path: Path, stream: str, start_unix_s: float, tracks: Sequence[EncodedTrack], key: EncodedPacket
    ) -> None:
        self.tracks = tuple(tracks)
        """What goes into it."""
        self.start_at_s = key.arrived_at_s
        """When its first picture arrived, on ``time.monotonic()``."""
        self.end_at_s: float | None = None
        """When its last picture ended, on the same clock; ``None`` while it is written."""
        self._stream = stream
        self._start_unix_s = start_unix_s
        self._file = SegmentFile(path, tracks)
        self._boxes = BoxesFile(boxes_path(path), stream=stream, start_unix_s=start_unix_s)
        self._boxes_failed = False
        start_pts_s = None if key.pts is None else Fraction(key.pts) * tracks[0].time_base
        self._times = [
            SegmentTimes(
                track.time_base,
                start_at_s=key.arrived_at_s,
                start_pts_s=start_pts_s,
                earliest=None if track is tracks[0] else 0,
            )
            for track in tracks
        ]
        self._arrivals: list[float] = []
        self._shown_s: list[float] = []
        self._sound_packets = 0
        self._synced_at_s = key.arrived_at_s

    def write(self, packet: EncodedPacket) -> None:
        """Add a packet; one of a track that does not go into it is left out."""
        if packet.track >= len(self.tracks):
            return
        pts, dts = self._times[packet.track].place(packet)
        if packet.track == 0:
            self._arrivals.append(packet.arrived_at_s)
            self._shown_s.append(float(pts * self.tracks[0].time_base))
        else:
            self._sound_packets += 1
        self._file.write(packet, pts, dts)
        if packet.arrived_at_s - self._synced_at_s >= _SYNC_EVERY_S:
            self._synced_at_s = packet.arrived_at_s
            self._file.sync()

    def note(self, found: FoundObjects) -> None:
        """Write what was found on one of its frames; where that fails, the pictures are recorded nevertheless."""
        if self._boxes_failed:
            return
        try:
            self._boxes.write(self._time_of(found.captured_at_s), found)
        except OutputError as error:
            self._boxes_failed = True
            log.warning("stream %s: %s", self._stream, error)

    def close(self, end_at_s: float | None = None) -> WrittenSegment:
        """Finish the file and return what there is to say of it; boxes may still come.

        Args:
            end_at_s: when the picture behind its last one arrived; ``None`` where there is none.
        """
        self.end_at_s = self._last_end_s() if end_at_s is None else end_at_s
        self._file.close()
        return self._written(len(self._arrivals))

    def cut(self, unsafe_since_s: float) -> WrittenSegment:
        """Give up after a failure and return what is left of it.

        Args:
            unsafe_since_s: when the first picture arrived that is not known to be in it.
        """
        self.end_at_s = min(unsafe_since_s, self._last_end_s())
        kept = self._file.cut()
        return self._written(bisect_right(self._arrivals, unsafe_since_s) if kept else 0)

    def close_boxes(self) -> None:
        """Finish the file of the boxes."""
        try:
            self._boxes.close()
        except OutputError as error:
            log.warning("stream %s: %s", self._stream, error)

    def _written(self, pictures: int) -> WrittenSegment:
        video = self.tracks[0]
        assert self.end_at_s is not None
        return WrittenSegment(
            path=self._file.path,
            stream=self._stream,
            start_unix_s=self._start_unix_s,
            end_unix_s=self._start_unix_s + self.end_at_s - self.start_at_s,
            codec=video.codec,
            width_px=video.width_px,
            height_px=video.height_px,
            has_sound=self._sound_packets > 0,
            pictures=pictures,
        )

    def _last_end_s(self) -> float:
        if not self._arrivals:
            return self.start_at_s
        interval_s = (self._arrivals[-1] - self.start_at_s) / max(len(self._arrivals) - 1, 1)
        return self._arrivals[-1] + (interval_s or _USUAL_FRAME_S)

    def _time_of(self, captured_at_s: float) -> float:
        """Return the time in the file of the picture that arrived then, or last before it."""
        number = bisect_right(self._arrivals, captured_at_s) - 1
        if number < 0:
            return max(captured_at_s - self.start_at_s, 0.0)
        return self._shown_s[number]


def unix_s(at_s: float) -> float:
    """Return a moment of ``time.monotonic()`` in seconds since 1970 UTC."""
    return arrival_time(at_s).unix_s
