"""What the header of a film promises, and whether as much came."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av

from pipelines.capture.ffmpeg.avi_chunks import count_pictures
from pipelines.capture.ffmpeg.container_format import ContainerFormat
from pipelines.capture.ffmpeg.matroska_size import missing_bytes
from pipelines.capture.ffmpeg.tracks import DURATION_TAG
from pipelines.capture.source import SourceSpec

DEFAULT_FPS = 25.0
"""Assumed where a source has neither timestamps nor a frame rate."""
END_TOLERANCE_S = 1.0
"""A header's duration is a promise to within about this much."""


class HeaderPromise:
    """Frames and seconds that a container's header gives for one of its video streams.

    Args:
        container: the open PyAV container.
        stream: the video stream that is read.
        spec: the source.
    """

    def __init__(self, container: Any, stream: Any, spec: SourceSpec) -> None:
        self._container = container
        self._stream = stream
        self._format = ContainerFormat.of(container)
        self._path = Path(spec.uri) if spec.kind == "file" else None

    @property
    def fps(self) -> float:
        """The frame rate."""
        rate = self._stream.average_rate or self._stream.guessed_rate
        return float(rate) if rate else DEFAULT_FPS

    @property
    def frames(self) -> int | None:
        """The number of frames, or else the duration times the frame rate."""
        if self._stream.frames:
            return int(self._stream.frames)
        end_s = self._end_s()
        return round(end_s * self.fps) if end_s else None

    def is_broken(self, *, packets: int, end_s: float) -> bool:
        """Say whether less came than was promised, both in frames and in time where the header gives both.

        Neither alone would do: edit lists leave out frames that are counted, and the last frame may last long. An AVI
        file without its index is given the duration that it has left, and its empty frames never come: its own chunks
        are counted.

        Args:
            packets: how many packets came.
            end_s: time of the last frame that came.
        """
        if self._path is not None and self._format.name == "avi" and self._stream.frames > packets:
            held = count_pictures(self._path, self._stream.index)
            return held is None or held < self._stream.frames
        promised_s = self._end_s()
        if self._stream.frames:
            last_s = end_s + 1.5 / self.fps
            return packets < self._stream.frames and (promised_s is None or last_s < promised_s)
        if promised_s is None:
            return False
        is_cut = self._path is not None and self._format.name == "matroska" and missing_bytes(self._path) > 0
        last_frame_s = 1.5 / self.fps
        tolerance_s = last_frame_s if is_cut else max(END_TOLERANCE_S, last_frame_s, 0.02 * promised_s)
        return end_s < promised_s - tolerance_s

    def _end_s(self) -> float | None:
        """Return the time of the video's last frame; ``None`` where what the header says is only a guess."""
        if not self._format.promises_length:
            return None
        start_s = (self._container.start_time or 0) / av.time_base
        if self._stream.duration and self._stream.time_base:
            return start_s + float(self._stream.duration * self._stream.time_base)
        if tag := DURATION_TAG.fullmatch(self._stream.metadata.get("DURATION", "")):
            hours, minutes, seconds = tag.groups()
            return start_s + int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        if self._container.duration and len(self._container.streams) == 1:
            return start_s + float(self._container.duration) / av.time_base
        return None
