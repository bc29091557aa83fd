"""The tracks of a file that is made of recorded ones: copied packet by packet, or encoded again."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Protocol

import av
from av.audio.frame import AudioFrame
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import PictureType

from pipelines.capture.ffmpeg.geometry import geometry
from pipelines.encoding.video_frame import even, note_colours, video_frame
from pipelines.recording.key_frames import FileDecoder
from pipelines.recording.recorded_file import OpenedFile, RecordedFile, RecordedPacket
from pipelines.recording.sets_in_front import with_parameter_sets
from streamvision.core.errors import MissingDependencyError
from streamvision.core.picture import Canvas, YuvPicture

log = logging.getLogger(__name__)

Draw = Callable[[RecordedFile, float, YuvPicture], Canvas]
"""Makes of a file's picture, shown so many seconds after its first one, what is to be seen."""

_LONGEST_S = 1.0
"""Longest duration of a packet that is believed; the next one's time says more."""
_SOUND_HZ = 48_000
_TIME_BASE = Fraction(1, 90_000)
_FRAGMENT_S = 1.0
_NOMINAL_FPS = 30  # for the encoder's rate control alone; the pictures carry their own times
_ENCODERS = {
    "libx264": {"preset": "ultrafast", "tune": "zerolatency", "crf": "22"},
    "libopenh264": {"b": "6000000", "allow_skip_frames": "0"},
}


class Track(Protocol):
    """Takes the packets of one kind of all files, in order."""

    def begin_file(self, file: RecordedFile, source: OpenedFile) -> None:
        """Take note that the next packets are those of this file."""

    def write(self, found: RecordedPacket, pts_s: float, dts_s: float) -> None:
        """Write a packet, shown and decoded at these times of the file that is made."""

    def end_file(self) -> None:
        """Write what is left of the file."""


class CopiedTrack:
    """Packets as they are.

    Args:
        container: the file that is made.
        source: how the packets of the first file are encoded.
        is_video: whether it is of pictures.
    """

    def __init__(self, container: OutputContainer, source: OpenedFile, *, is_video: bool) -> None:
        self._is_video = is_video
        template: Any = source.video if is_video else source.audio
        self._stream: Any = container.add_stream_from_template(template)
        self._container = container
        self._kind = _kind_of(source, is_video)
        self._extradata = source.video_extradata
        self._fits = True
        self._changed = False
        self._last_dts = -1

    def begin_file(self, file: RecordedFile, source: OpenedFile) -> None:
        """Leave out the packets of a file that are encoded in another way."""
        self._fits = _kind_of(source, self._is_video) == self._kind
        if not self._fits:
            log.warning("%s: a track is left out, since it is encoded in another way", file.path)
        elif self._is_video:
            self._changed = self._changed or source.video_extradata != self._extradata
            self._extradata = source.video_extradata

    def write(self, found: RecordedPacket, pts_s: float, dts_s: float) -> None:
        """Write a packet; no two are decoded at a time."""
        if not self._fits:
            return
        packet, base = found.packet, self._stream.time_base
        lasts = round(packet.duration * packet.time_base / base) if packet.duration and packet.time_base else 0
        if self._changed:
            packet, self._changed = self._with_sets(packet), False
        dts = max(round(dts_s / base), self._last_dts + 1)
        self._last_dts = dts
        packet.stream, packet.time_base = self._stream, base
        packet.pts, packet.dts = max(round(pts_s / base), dts), dts
        packet.duration = min(lasts, round(_LONGEST_S / base))
        self._container.mux(packet)

    def end_file(self) -> None:
        """Do nothing: every packet is written already."""

    def _with_sets(self, packet: Packet[Any]) -> Packet[Any]:
        content = with_parameter_sets(self._kind[0], self._extradata, bytes(packet))
        if content is None:
            return packet
        changed = Packet(content)
        changed.is_keyframe = True
        return changed


class AacTrack:
    """Sound of any codec as AAC, which all browsers play.

    Args:
        container: the file that is made.
        channels: how many it is to have, 1 or 2.
    """

    def __init__(self, container: OutputContainer, channels: int) -> None:
        self._layout = "mono" if channels == 1 else "stereo"
        self._stream: Any = container.add_stream("aac", rate=_SOUND_HZ, layout=self._layout)
        self._container = container
        self._decoder: Any = None
        self._resampler: Any = None
        self._last_dts = -1

    def begin_file(self, file: RecordedFile, source: OpenedFile) -> None:
        """Decode what follows as this file's sound."""
        self._decoder = source.audio.codec_context if source.audio is not None else None
        self._resampler = av.AudioResampler("fltp", self._layout, _SOUND_HZ, frame_size=self._stream.frame_size or 1024)

    def write(self, found: RecordedPacket, pts_s: float, dts_s: float) -> None:
        """Write a packet's sound; none where it is damaged."""
        if self._decoder is None:
            return
        with contextlib.suppress(av.FFmpegError, ValueError):
            for frame in self._decoder.decode(found.packet):
                frame.time_base, frame.pts = Fraction(1, frame.sample_rate), round(pts_s * frame.sample_rate)
                pts_s += frame.samples / frame.sample_rate
                for even_frame in self._resampler.resample(frame):
                    self._encode(even_frame)

    def end_file(self) -> None:
        """Do nothing: what is left is less than a frame."""

    def _encode(self, frame: AudioFrame) -> None:
        for packet in self._stream.encode(frame):
            # What precedes the beginning is the encoder's own silence.
            if packet.dts is not None and packet.dts > self._last_dts:
                self._last_dts = packet.dts
                self._container.mux(packet)


class DrawnTrack:
    """Pictures decoded, drawn on, and encoded as H.264, with a key frame about each second.

    Args:
        container: the file that is made.
        source: the first file; its size is that of the pictures, others are fitted in.
        draw: makes the pictures.

    Raises:
        MissingDependencyError: when PyAV has no encoder for H.264.
    """

    def __init__(self, container: OutputContainer, source: OpenedFile, draw: Draw) -> None:
        name = next((one for one in _ENCODERS if one in av.codecs_available), None)
        if name is None:
            raise MissingDependencyError(
                "this PyAV has no H.264 encoder (libx264 or libopenh264); pip install --force-reinstall av brings one"
            )
        self._draw = draw
        self._container = container
        stream: Any = container.add_stream(name, rate=_NOMINAL_FPS, options=_ENCODERS[name])
        self._stream = stream
        video: Any = source.video
        shape = geometry(video.width, video.height, aspect=video.sample_aspect_ratio, matrix=None)
        self._stream.width, self._stream.height = even(shape.width_px), even(shape.height_px)
        self._stream.pix_fmt = "yuv420p"
        context: Any = self._stream.codec_context
        context.time_base = _TIME_BASE
        context.gop_size = 10_000  # key frames are asked for by time, not by count
        context.thread_count = 2
        note_colours(context)
        self._file: RecordedFile | None = None
        self._decoder: FileDecoder | None = None
        self._times_s: dict[int, tuple[float, float]] = {}
        self._last_tick = -1
        self._key_tick: int | None = None

    def begin_file(self, file: RecordedFile, source: OpenedFile) -> None:
        """Decode what follows as this file's pictures."""
        self._file, self._decoder = file, FileDecoder(source)
        self._times_s.clear()

    def write(self, found: RecordedPacket, pts_s: float, dts_s: float) -> None:
        """Write the pictures that are complete with a packet."""
        assert found.packet.pts is not None
        self._times_s[found.packet.pts] = pts_s, found.pts_s
        self._draw_frames(found.packet)

    def end_file(self) -> None:
        """Write the pictures that the decoder holds back."""
        self._draw_frames(None)

    def _draw_frames(self, packet: Packet[Any] | None) -> None:
        assert self._decoder is not None and self._file is not None
        for frame in self._decoder.frames(packet):
            times_s = self._times_s.pop(frame.pts, None) if frame.pts is not None else None
            if times_s is not None:
                shown_s, in_file_s = times_s
                self._encode(self._draw(self._file, in_file_s, self._decoder.picture(frame)), shown_s)

    def _encode(self, canvas: Canvas, shown_s: float) -> None:
        tick = max(round(shown_s / _TIME_BASE), self._last_tick + 1)
        self._last_tick = tick
        frame = video_frame(canvas, self._stream.width, self._stream.height)
        frame.pts, frame.time_base = tick, _TIME_BASE
        if self._key_tick is None or tick - self._key_tick >= _FRAGMENT_S / _TIME_BASE:
            frame.pict_type = PictureType.I
            self._key_tick = tick
        self._container.mux(self._stream.encode(frame))


def _kind_of(source: OpenedFile, is_video: bool) -> tuple[Any, ...]:
    return (source.video_codec,) if is_video else (source.sound or ())
