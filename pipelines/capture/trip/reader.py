"""Reads the clips of a dashcam's card as the drives that they are: each moment once, with its time and place."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from pipelines.capture.ffmpeg.videos_reader import VideosReader
from pipelines.capture.file_list import names_of
from pipelines.capture.salvage.film import likeliest_first
from pipelines.capture.source import NOT_YET, Captured, NotYet, SourceSpec
from pipelines.capture.trip.seams import REMEMBERED_S, Glance, Seam, glance
from pipelines.capture.trip.source import TripClip, clips_of, parse_options
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError
from streamvision.core.frame import WallTime
from streamvision.core.telemetry import DropCounter

log = logging.getLogger(__name__)

CLOCKS_TELL_S = 1.0
"""A shorter overlap than this is left to the pictures to tell."""
UNTOLD_LOSS_S = 0.5
"""Headers promise to about this much."""
MOST_REPEATED_S = 60.0


class TripReader(VideosReader):
    """The clips of one lens, drive after drive. One that cannot be read, or not to its end, stops nothing."""

    def __init__(self, spec: SourceSpec, *, config: StreamConfig, drops: DropCounter) -> None:
        super().__init__(spec, config=config, drops=drops)
        self._clips: list[TripClip] = []
        self._seam = Seam()
        self._repeated_until_s: float | None = None
        self._left_out = 0
        self._last: tuple[TripClip, float] | None = None
        self.gaps_s = 0.0
        """How much was not recorded between the clips of a drive so far, or could not be read, by their clocks."""
        self.repeated = 0
        """How many pictures of a clip the one before had shown, which were left out."""

    def open(self) -> None:
        """Find the clips, and open the first that can be."""
        options = parse_options(self._spec.uri)
        if options is None:
            raise SourceError(f"{self._spec.safe_uri} names no folder that exists", permanent=True)
        self._clips = clips_of(options)
        paths = [clip.placed.clip.path for clip in self._clips]
        self._files = list(zip(paths, names_of(paths), strict=True))
        super().open()
        self.expected_frames = self._expected_frames()

    def describe(self) -> dict[str, Any]:
        """Return what the source is, as :class:`pipelines.capture.probe.SourceDescription` has it."""
        known = self._reader.describe() if self._reader is not None else {}
        return known | {"duration_s": round(sum(self._length_s(clip) or 0.0 for clip in self._clips), 3)}

    def _expected_frames(self) -> int | None:
        """Return the number of frames by the clips' lengths and the first one's rate; ``None`` where one is missing."""
        lengths_s = [self._length_s(clip) for clip in self._clips]
        if self._reader is None or any(length is None for length in lengths_s):
            return None
        return round(sum(length or 0.0 for length in lengths_s) * self._reader.fps)

    @staticmethod
    def _length_s(clip: TripClip) -> float | None:
        length_s = clip.placed.clip.duration_s
        return None if length_s is None else max(length_s - clip.placed.drop_s, 0.0)

    def _siblings_of(self, path: Path) -> tuple[Path, ...]:
        """Return clips of the same lens, of other drives too."""
        return tuple(likeliest_first(path, [clip for clip, _ in self._files])[:16])

    def _joined(self, captured: Captured) -> Captured | NotYet:
        """Return a picture with its time and place; none where the clip before has shown it."""
        assert self._reader is not None
        clip = self._clips[self._next - 1]
        media_s = max(captured.pts_s - self._reader.begin_s, 0.0)
        seen = glance(captured.picture, media_s)
        begins = not self._clock.has_frame
        if begins and self._is_repeated(clip, seen):
            self._left_out += 1
            self.repeated += 1
            return NOT_YET
        gap_s = self._gap_before(clip, media_s) if begins else 0.0
        self.gaps_s += gap_s
        is_new = begins and (self._last is None or self._last[0].drive != clip.drive)
        self._seam = Seam() if begins else self._seam
        self._seam.remember(seen, for_s=REMEMBERED_S + self._next_drop_s())
        self._last, self._repeated_until_s, self._left_out = (clip, media_s), None, 0
        unix_s = clip.placed.start.unix_s + media_s
        return captured._replace(
            pts_s=self._clock.joined_s(captured.pts_s, gap_s=gap_s),
            wall_time=WallTime(unix_s, clip.placed.start.source),
            position=clip.way.at(unix_s) if clip.way is not None else None,
            begins_anew=is_new,
        )

    def _is_repeated(self, clip: TripClip, seen: Glance) -> bool:
        """Say whether the clip before, of the same drive, has shown a picture of a clip's beginning."""
        if self._last is None or self._last[0].drive != clip.drive:
            return False
        if self._repeated_until_s is None:
            told_s = self._seam.repeated_s(seen)
            by_clocks_s = clip.placed.drop_s if clip.placed.drop_s >= CLOCKS_TELL_S else 0.0
            repeated_s = by_clocks_s if told_s is None else told_s
            self._repeated_until_s = seen.media_s + repeated_s - self._clock.interval_s / 2
        return seen.media_s < self._repeated_until_s

    def _gap_before(self, clip: TripClip, media_s: float) -> float:
        """Return how much time passed between the last picture and the first one of a clip that is not shown."""
        if self._last is None or self._last[0].drive != clip.drive:
            return 0.0
        before, last_s = self._last
        interval_s = self._clock.interval_s
        length_s = before.placed.clip.duration_s
        if length_s is None or last_s + interval_s < length_s - UNTOLD_LOSS_S or not self._follows(before, clip):
            since_s = clip.placed.start.unix_s + media_s - before.placed.start.unix_s - last_s
            return max(since_s - interval_s, 0.0)
        late_s = media_s if media_s > 1.5 * interval_s else 0.0
        return 0.0 if self._left_out else clip.placed.gap_s + late_s

    def _follows(self, before: TripClip, clip: TripClip) -> bool:
        return self._clips[self._next - 2] is before and self._clips[self._next - 1] is clip

    def _next_drop_s(self) -> float:
        """Return how much of the next clip this one shows already, by the clocks."""
        following = self._clips[self._next : self._next + 1]
        return min(following[0].placed.drop_s, MOST_REPEATED_S) if following else 0.0

    def _finish(self) -> None:
        """Say what is lost; a trip is no failure for it."""
        if self.lost_s >= UNTOLD_LOSS_S or self._unreadable:
            log.warning(
                "%s: %d of its %d clips could not be read, %d not to their end; about %.1f s of them are lost",
                self._spec.safe_uri,
                self._unreadable,
                len(self._clips),
                self._cut,
                self.lost_s,
            )

    def _length_unread_s(self) -> float:
        return self._clips[self._next - 1].placed.clip.duration_s or 0.0
