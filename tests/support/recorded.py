"""Recordings over real MP4 files, as the web is given them: a square that crosses the picture, and its boxes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from streamvision.core.recordings import (
    Motion,
    RecordedFrame,
    RecordedObject,
    RecordedSpan,
    Recording,
    RecordingAbsentError,
)

SIZE_PX = (320, 180)
FPS = 10
FILE_S = 6.0
"""Length of each file."""
SQUARE_PX = 40


def left_px(second: float) -> int:
    """Return where the square's left edge is, so many seconds after the beginning of a file."""
    return int(second / FILE_S * (SIZE_PX[0] - SQUARE_PX))


def write_mp4(path: Path, seconds: float = FILE_S, *, hue: int = 100) -> str:
    """Write a fragmented MP4 file with a key frame each second and return its codec as RFC 6381 has it."""
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    background = cv2.cvtColor(np.full((SIZE_PX[1], SIZE_PX[0], 3), (hue, 90, 120), np.uint8), cv2.COLOR_HSV2BGR)
    with av.open(str(path), "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height = SIZE_PX
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, FPS)
        stream.options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(FPS), "profile": "baseline"}
        for number in range(round(seconds * FPS)):
            picture = background.copy()
            left = left_px(number / FPS)
            cv2.rectangle(picture, (left, 70), (left + SQUARE_PX, 70 + SQUARE_PX), (40, 200, 250), -1)
            cv2.putText(picture, f"{number / FPS:.1f} s", (10, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255,) * 3, 2)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        header = bytes(stream.codec_context.extradata or b"")
    return f"avc1.{header[header.index(0x67) + 1 :][:3].hex()}"


@dataclass
class _File:
    recording: Recording
    path: Path
    codec: str


class RecordedFolder:
    """See :class:`streamvision.core.recordings.Recordings`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[int, _File] = {}
        self.removed: list[RecordedSpan] = []

    def add(self, stream: str, start_unix_s: float, kind: Any = "continuous", *, hue: int = 100) -> Recording:
        """Record a file of :data:`FILE_S` seconds."""
        number = len(self._files) + 1
        path = self._folder / f"{number}.mp4"
        codec = write_mp4(path, hue=hue)
        end_unix_s = start_unix_s + FILE_S
        size = path.stat().st_size
        recording = Recording(number, stream, kind, start_unix_s, end_unix_s, size, "h264", *SIZE_PX, False)
        self._files[number] = _File(recording, path, codec)
        return recording

    def find(self, streams: frozenset[str] | None, since_unix_s: float, until_unix_s: float) -> list[Recording]:
        """Return what there is."""
        everything = (one.recording for one in self._files.values())
        found = [
            one
            for one in everything
            if (streams is None or one.stream in streams)
            and one.end_unix_s > since_unix_s
            and one.start_unix_s < until_unix_s
        ]
        return sorted(found, key=lambda one: one.start_unix_s)[:5000]

    def recording(self, recording_id: int) -> Recording | None:
        """Return one."""
        found = self._files.get(recording_id)
        return found and found.recording

    def file(self, recording_id: int) -> Path | None:
        """Return its file."""
        found = self._files.get(recording_id)
        return found and found.path

    def plays_as_it_is(self, recording_id: int) -> bool:
        """Say so."""
        return isinstance(self.playable(recording_id), Path)

    def playable(self, recording_id: int) -> Iterator[bytes] | Path | None:
        """Return its file."""
        return self.file(recording_id)

    def media_type(self, recording_id: int) -> str | None:
        """Return what browsers are told of it."""
        found = self._files.get(recording_id)
        return found and f'video/mp4; codecs="{found.codec}"'

    def frames(self, span: RecordedSpan) -> list[RecordedFrame]:
        """Return the square, ten times a second."""
        found = []
        for file in self._in(span):
            for number in range(round(FILE_S * FPS)):
                left = left_px(number / FPS) / SIZE_PX[0]
                box = (left, 70 / SIZE_PX[1], left + SQUARE_PX / SIZE_PX[0], (70 + SQUARE_PX) / SIZE_PX[1])
                at = file.recording.start_unix_s + number / FPS
                if span.since_unix_s <= at <= span.until_unix_s:
                    found.append(RecordedFrame(at, (RecordedObject(7, "car", 0.9, box, 2),)))
        return found

    def motion(self, span: RecordedSpan, polygon: Sequence[tuple[float, float]]) -> Iterator[Motion]:
        """Yield how much of the region's frame changed, by real key frames."""
        x, y = zip(*polygon, strict=True)
        for file in self._in(span):
            before = None
            for second, picture in self._key_frames(file.path):
                height, width = picture.shape[:2]
                part = picture[int(min(y) * height) : int(max(y) * height), int(min(x) * width) : int(max(x) * width)]
                at = file.recording.start_unix_s + second
                if before is not None and span.since_unix_s <= at <= span.until_unix_s:
                    yield Motion(at, float((cv2.absdiff(part, before).max(axis=2) > 30).mean()))
                before = part

    def thumbnail(self, stream: str, at_unix_s: float, width_px: int) -> bytes | None:
        """Return the key frame at or before a moment."""
        for file in self._in(RecordedSpan(stream, at_unix_s, at_unix_s + 0.001)):
            second = at_unix_s - file.recording.start_unix_s
            picture = [one for at, one in self._key_frames(file.path) if at <= second + 0.01][-1]
            scaled = cv2.resize(picture, (width_px, width_px * SIZE_PX[1] // SIZE_PX[0]))
            return bytes(cv2.imencode(".jpg", scaled)[1])
        return None

    def export(self, span: RecordedSpan, *, annotated: bool) -> Iterator[bytes]:
        """Return the pieces of the first file of a span; annotated, without an end."""
        files = self._in(span)
        if not files:
            raise RecordingAbsentError("nothing was recorded of this span")
        return self._pieces(files[0].path, again=annotated)

    def _pieces(self, path: Path, *, again: bool) -> Iterator[bytes]:
        whole = io.BytesIO(path.read_bytes())
        while (piece := whole.read(65536)) or again:
            yield piece or bytes(65536)

    def keep(self, span: RecordedSpan, *, kept: bool) -> int:
        """Keep files."""
        for file in self._in(span):
            file.recording = replace(file.recording, kind="kept" if kept else "event")
        return len(self._in(span))

    def remove(self, span: RecordedSpan) -> int:
        """Remove files."""
        self.removed.append(span)
        found = self._in(span)
        for file in found:
            file.path.unlink()
            del self._files[file.recording.id]
        return len(found)

    def summary(self) -> dict[str, Any]:
        """Return how much there is."""
        return {"bytes": sum(one.recording.size_bytes for one in self._files.values()), "faults": []}

    def _in(self, span: RecordedSpan) -> list[_File]:
        found = self.find(frozenset([span.stream]), span.since_unix_s, span.until_unix_s)
        return [self._files[one.id] for one in found]

    @staticmethod
    def _key_frames(path: Path) -> Iterator[tuple[float, np.ndarray]]:
        with av.open(str(path)) as container:
            container.streams.video[0].codec_context.skip_frame = "NONKEY"
            for frame in container.decode(video=0):
                yield frame.time, frame.to_ndarray(format="bgr24")
