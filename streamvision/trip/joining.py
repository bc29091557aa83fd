"""The times of a drive's pictures, from what is kept of its clips; what two of them show is taken once.

The rules are those of :class:`pipelines.capture.trip.reader.TripReader`, which has the pictures themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.capture.ffmpeg.videos_reader import JoinedClock
from pipelines.capture.trip.reader import CLOCKS_TELL_S, UNTOLD_LOSS_S
from pipelines.capture.trip.seams import Seam
from streamvision.dashcam.clip import PlacedClip
from streamvision.trip.clip_detections import TAIL_S, ClipDetections


@dataclass(frozen=True, eq=False)
class _End:
    """How the clip before ended."""

    placed: PlacedClip
    found: ClipDetections

    def repeated_s(self, placed: PlacedClip, found: ClipDetections) -> float:
        """Return how much of the beginning of the next clip this one has shown."""
        by_clocks_s = placed.drop_s if placed.drop_s >= CLOCKS_TELL_S else 0.0
        if placed.drop_s > TAIL_S:
            return by_clocks_s
        seam = Seam()
        for one in self.found.last_glances():
            seam.remember(one, for_s=TAIL_S)
        told_s = seam.repeated_s(found.first_glance())
        return by_clocks_s if told_s is None else found.first_glance().media_s + told_s

    def gap_s(self, placed: PlacedClip, media_s: float, *, is_cut: bool) -> float:
        """Return how much time passed unseen before the next clip's first picture that is not left out.

        Args:
            placed: the next clip.
            media_s: the time of that picture in it.
            is_cut: whether pictures before it were left out.
        """
        last_s, interval_s = float(self.found.media_s[-1]), self.found.interval_s
        length_s = self.placed.clip.duration_s
        if length_s is None or last_s + interval_s < length_s - UNTOLD_LOSS_S:
            since_s = placed.start.unix_s + media_s - self.placed.start.unix_s - last_s
            return max(since_s - interval_s, 0.0)
        return 0.0 if is_cut else placed.gap_s + (media_s if media_s > 1.5 * interval_s else 0.0)


class ClipJoining:
    """Joins the clips of one lens of a drive, one after another."""

    def __init__(self) -> None:
        self._clock = JoinedClock()
        self._end: _End | None = None

    def join(self, placed: PlacedClip, found: ClipDetections) -> list[float | None]:
        """Return the time of each picture of the next clip since the drive's first one; ``None``: it is left out."""
        if not len(found):
            return []
        end = self._end
        times_s: list[float | None] = []
        until_s = end.repeated_s(placed, found) - found.interval_s / 2 if end is not None else 0.0
        self._clock.begin_next()
        for at, media_s in enumerate(found.media_s.tolist()):
            if end is not None and media_s < until_s:
                times_s.append(None)
                continue
            begins = not self._clock.has_frame
            gap_s = end.gap_s(placed, media_s, is_cut=at > 0) if begins and end is not None else 0.0
            times_s.append(self._clock.joined_s(media_s, gap_s=gap_s))
        if self._clock.has_frame:
            self._end = _End(placed, found)
        return times_s
