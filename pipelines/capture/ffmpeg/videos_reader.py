"""Several video files, such as the clips of a dashcam, as one stream: one after another, its time going on."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from pipelines.capture.ffmpeg.header_promise import DEFAULT_FPS
from pipelines.capture.file_list import names_of
from pipelines.capture.packets import PacketListener
from pipelines.capture.salvage.film import likeliest_first
from pipelines.capture.salvage.reader import FileReader
from pipelines.capture.source import NOT_YET, Captured, NotYet, SourceSpec, local_source
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError
from streamvision.core.telemetry import DropCounter

log = logging.getLogger(__name__)

MOST_SIBLINGS = 16
"""A video that has lost its index may be read by so many others."""


class VideosReader:
    """Videos in their order; one without a frame is skipped and counted, one that is cut is told of at the end."""

    def __init__(
        self, spec: SourceSpec, *, config: StreamConfig, drops: DropCounter, packets: PacketListener | None = None
    ) -> None:
        """Prepare; ``drops`` counts ``unreadable`` files, beside what is lost of the others."""
        self._packets = packets
        self.expected_frames: int | None = None  # the headers of a thousand clips are not read for a number
        self.paced = spec.realtime
        self._spec = spec
        self._config = config
        self._drops = drops
        self._files = list(zip(spec.files, names_of(spec.files), strict=True))
        self._next = 0
        self._reader: FileReader | None = None
        self._clock = JoinedClock()
        self._unreadable = 0
        self._cut = 0
        self._fault = ""
        self._lost_s = 0.0

    @property
    def lost_s(self) -> float:
        """About how many seconds of the videos so far could not be decoded."""
        return self._lost_s + (self._reader.lost_s if self._reader is not None else 0.0)

    def open(self) -> None:
        """Open the first video that can be."""
        self._open_next()

    def read(self) -> Captured | NotYet | None:
        """Return the next picture, of this video or one after it."""
        while self._reader is not None:
            try:
                captured: Captured | NotYet | None = self._reader.read()
            except SourceError as error:
                self._note(error)
                captured = None
            if captured is NOT_YET:
                return NOT_YET
            if captured is not None:
                return self._joined(captured)
            self._open_next()
        self._finish()
        return None

    def _joined(self, captured: Captured) -> Captured | NotYet:
        """Return a picture of one video as one of all."""
        return captured._replace(pts_s=self._clock.joined_s(captured.pts_s))

    def _finish(self) -> None:
        """Say at the end of all what was wrong.

        Raises:
            SourceError: permanent; where a video was cut.
        """
        if self._cut and not self._config.loop:
            raise SourceError(
                f"{self._cut} of the {len(self._files)} videos of {self._spec.safe_uri} could not be read to the end, "
                f"such as this: {self._fault}",
                permanent=True,
            )

    def close(self) -> None:
        """Close the video that is open, and forget the others."""
        self._next = len(self._files)
        self._close_reader()

    def _open_next(self) -> None:
        """Open the next video that can be, if there is one.

        Raises:
            SourceError: permanent; when not one of them all had a frame.
        """
        self._close_reader()
        while self._reader is None and self._next < len(self._files):
            path, name = self._files[self._next]
            self._next += 1
            self._clock.begin_next()
            spec = local_source("file", path, str(path), path.stem, "auto", self._spec.realtime)
            self._reader = FileReader(
                replace(spec, file_name=name, siblings=self._siblings_of(path)),
                config=self._config,
                drops=self._drops,
                packets=self._packets,
            )
            try:
                self._reader.open()
            except SourceError as error:
                self._note(error)
                self._close_reader()
        if self._unreadable == len(self._files):
            raise SourceError(
                f"none of the {len(self._files)} videos of {self._spec.safe_uri} can be read: {self._fault}",
                permanent=True,
            )

    def _siblings_of(self, path: Path) -> tuple[Path, ...]:
        """Return videos by which one that has lost its index may be read, the likeliest first."""
        return tuple(likeliest_first(path, self._spec.files)[:MOST_SIBLINGS])

    def _note(self, error: SourceError) -> None:
        """Set down what is wrong with the video that is open."""
        log.warning("%s; the stream goes on behind it", error)
        if self._clock.has_frame:
            self._cut += 1
        else:
            self._unreadable += 1
            self._lost_s += self._length_unread_s()
            self._drops.add("unreadable")
        self._fault = self._fault or str(error)

    def _length_unread_s(self) -> float:
        """Return how long the video is that cannot be read, where that is known."""
        return 0.0

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._lost_s += self._reader.lost_s if self._clock.has_frame else 0.0
            self._reader.close()
            self._reader = None


class JoinedClock:
    """The times of videos as those of one: each begins where the one before it ended, one frame later."""

    def __init__(self) -> None:
        self.has_frame = False
        """Whether the present video has had a frame."""
        self._offset_s = 0.0
        self._first_s = self._last_s = 0.0
        self._frames = 0

    def begin_next(self) -> None:
        """Expect the first time of the next video."""
        self.has_frame = False

    def joined_s(self, pts_s: float, *, gap_s: float = 0.0) -> float:
        """Return the time of a frame in all videos, given the one in its own.

        Args:
            pts_s: its time in its own video.
            gap_s: how much is missing before it, where it is the first one of its video.
        """
        if not self.has_frame:
            if self._frames:
                self._offset_s = self._last_s + self.interval_s + gap_s - pts_s
            self._first_s, self._frames, self.has_frame = pts_s + self._offset_s, 0, True
        self._frames += 1
        self._last_s = pts_s + self._offset_s
        return self._last_s

    @property
    def interval_s(self) -> float:
        """The mean time from frame to frame of the video that had the last frame."""
        passed_s = self._last_s - self._first_s
        return passed_s / (self._frames - 1) if self._frames > 1 and passed_s > 0 else 1 / DEFAULT_FPS
