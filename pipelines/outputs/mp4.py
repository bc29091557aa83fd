"""The annotated video as fragmented MP4 (ISO/IEC 14496-12): after a crash or power loss it plays up to the last second.

A plain MP4 has its index at the end, and none if the program dies first. Here the header comes first and each second
is a fragment with an index of its own, handed to the operating system as soon as it is complete. For the index of all
fragments at the end FFmpeg keeps 40 bytes a second, 3.5 MB a day.
"""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import dataclass
from datetime import datetime, timezone
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.video.frame import PictureType
from av.video.stream import VideoStream

from pipelines.encoding.video_frame import even, note_colours, video_frame
from pipelines.outputs.background import BackgroundSink
from pipelines.outputs.checked_file import CheckedFile, end_of_fragments
from pipelines.outputs.existing import set_aside
from pipelines.outputs.line_file import cannot_write
from pipelines.outputs.output import FAILING
from pipelines.outputs.sink import SinkContext
from streamvision.core.errors import MissingDependencyError, OutputError
from streamvision.core.picture import Canvas
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.telemetry import DropCounter

log = logging.getLogger(__name__)

LONGEST_GAP_S = 6 * 3600.0
"""MP4 holds 2^31 ticks between two frames, 6.6 h; FFmpeg squeezes everything behind a longer gap into nothing."""
SHORT_GAP_S = 1.0
"""What a longer gap is shortened to."""

_FRAGMENT_S = 1.0
_CONTAINER_OPTIONS = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof",
    "frag_duration": str(int(_FRAGMENT_S * 1e6)),
    "video_track_timescale": "90000",
    "flush_packets": "1",  # each finished fragment leaves the process at once
}
_NOMINAL_FPS = 30  # for the encoder's rate control only; the frames carry their own times


@dataclass(frozen=True)
class VideoCodec:
    """An encoder and how it is used."""

    name: str
    """FFmpeg's name of it."""
    options: dict[str, str]
    """Its options."""
    time_base: Fraction
    """The tick that its times are counted in."""


# Without look-ahead and B-frames ("zerolatency") no frame waits in the encoder when the program dies. 1080p costs
# x264's "ultrafast" 8 ms a frame, "veryfast" 20 ms: the network needs the cores more. MPEG-4 part 2 counts time in
# 16 bits, so it cannot use 1/90000 s.
_CODECS = (
    VideoCodec("libx264", {"preset": "ultrafast", "tune": "zerolatency", "crf": "22"}, Fraction(1, 90000)),
    VideoCodec("libopenh264", {"b": "6000000", "allow_skip_frames": "0"}, Fraction(1, 90000)),
    VideoCodec("mpeg4", {"qscale": "3", "b": "8000000"}, Fraction(1, 60000)),
)


class Mp4Sink:
    """Records one stream. The first frame fixes the size; frames of another size are fitted in with black bars.

    Args:
        path: the file; one that holds something keeps it under a dated name, from the first frame on.
        codec: the encoder; by default the first that there is.
        overwrite: replace an existing file instead.
        drops: where frames are counted that were encoded, but not written.

    Raises:
        OutputError: when the file cannot be created.
    """

    def __init__(
        self, path: Path, *, codec: str | None = None, overwrite: bool = False, drops: DropCounter | None = None
    ) -> None:
        self._drops = drops or DropCounter()
        self._unwritten = 0
        self._overwrite = overwrite
        self._path = path
        self._codec = choose_codec(codec)
        self._container: OutputContainer | None = None
        self._file: CheckedFile | None = None
        self._stream: VideoStream | None = None
        self._closed = False
        self._first_pts_s = 0.0
        self._last_pts_s = 0.0
        self._last_tick = -1
        self._key_tick = 0
        try:
            path.open("ab").close()
        except OSError as error:
            raise cannot_write(path, error) from error

    def write(self, rendered: RenderedFrame) -> None:
        """Encode one frame at its own time.

        Raises:
            OutputError: when the disk is full or the encoder refuses the picture.
        """
        if self._closed:
            return
        canvas, pts_s = rendered.canvas(), rendered.result.frame.pts_s
        try:
            if self._stream is None:
                self._first_pts_s = self._last_pts_s = pts_s
                self._stream = self._open(canvas, rendered.result.frame.time_unix_s)
            self._shorten_gap(pts_s)
            self._encode(self._stream, canvas, pts_s - self._first_pts_s)
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Finish the file; one that nothing was recorded in is removed, since no player opens it.

        Raises:
            OutputError: when the end cannot be written.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._finish()
        except (av.FFmpegError, OSError) as error:
            with contextlib.suppress(OSError):
                os.truncate(self._path, end_of_fragments(self._path))
            self._drops.add(FAILING, self._unwritten)
            self._unwritten = 0
            raise self._failure(error) from error
        finally:
            with contextlib.suppress(OSError):
                if self._path.is_file() and not self._path.stat().st_size:
                    self._path.unlink()

    def _finish(self) -> None:
        container, stream, file = self._container, self._stream, self._file
        self._container = self._stream = self._file = None
        if file is None:
            return
        try:
            if container is not None:
                try:
                    if stream is not None:
                        container.mux(stream.encode(None))
                finally:
                    container.close()
        finally:
            file.close()
        if file.error_number is not None:
            raise OSError(file.error_number, os.strerror(file.error_number))

    def _open(self, canvas: Canvas, taken_unix_s: float | None) -> VideoStream:
        if not self._overwrite:
            set_aside(self._path)
        self._file = CheckedFile(self._path, "wb")
        container = av.open(self._file, "w", format="mp4", options=_CONTAINER_OPTIONS)
        self._container = container
        if taken_unix_s is not None:
            container.metadata["creation_time"] = datetime.fromtimestamp(taken_unix_s, timezone.utc).isoformat()
        stream = container.add_stream(self._codec.name, rate=_NOMINAL_FPS, options=self._codec.options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = even(canvas.width_px), even(canvas.height_px)
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = self._codec.time_base
        context.gop_size = 10_000  # key frames are asked for by time, not by count
        context.thread_count = 2
        note_colours(context)
        return stream

    def _shorten_gap(self, pts_s: float) -> None:
        gap_s, self._last_pts_s = pts_s - self._last_pts_s, pts_s
        if gap_s <= LONGEST_GAP_S:
            return
        self._first_pts_s += gap_s - SHORT_GAP_S
        log.warning(
            "%s: a gap of %.1f h in the stream is %g s long in the recording, since MP4 holds no longer one than %g h",
            self._path,
            gap_s / 3600,
            SHORT_GAP_S,
            LONGEST_GAP_S / 3600,
        )

    def _encode(self, stream: VideoStream, canvas: Canvas, time_s: float) -> None:
        ticks_per_s = self._codec.time_base.denominator
        tick = max(round(time_s * ticks_per_s), self._last_tick + 1)
        frame = video_frame(canvas, stream.width, stream.height)
        frame.pts, frame.time_base = tick, self._codec.time_base
        begins_fragment = self._last_tick < 0 or tick - self._key_tick >= _FRAGMENT_S * ticks_per_s
        if begins_fragment:
            frame.pict_type = PictureType.I
            self._key_tick = tick
        self._last_tick = tick
        self._unwritten += 1
        assert self._container is not None
        self._container.mux(stream.encode(frame))
        if begins_fragment:
            self._unwritten = 1  # the fragment before is in the file

    def _failure(self, error: Exception) -> OutputError:
        if isinstance(error, OSError):
            return cannot_write(self._path, error)
        return OutputError(f"cannot record {self._path}: the encoder {self._codec.name} failed with {error}")


def choose_codec(name: str | None = None) -> VideoCodec:
    """Return the encoder of a name, or the first that there is.

    Raises:
        MissingDependencyError: when this PyAV has none.
    """
    for codec in _CODECS:
        if name in (None, codec.name) and codec.name in av.codecs_available:
            return codec
    wanted = name or ", ".join(codec.name for codec in _CODECS)
    raise MissingDependencyError(
        f"this PyAV has no video encoder {wanted}; pip install --force-reinstall av brings a wheel with libx264"
    )


def open_recorder(context: SinkContext) -> BackgroundSink:
    """Return the sink of one stream, which has a file of its own and encodes in a thread of its own."""
    path = context.target
    sink = Mp4Sink(path, overwrite=context.existing == "overwrite", drops=context.drops)
    return BackgroundSink(sink, name=f"recording {path}", lossless=not context.live, drops=context.drops)
