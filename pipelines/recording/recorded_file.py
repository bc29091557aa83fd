"""One recorded file, opened and read as far as it goes.

Its times begin with its first picture. It may be cut short, renamed or removed meanwhile, and anybody may have written
it: only what FFmpeg takes for MP4 or QuickTime is opened, and nothing that it refers to.
"""

from __future__ import annotations

import contextlib
import io
import logging
import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from streamvision.core.recordings import Recording, RecordingKind

log = logging.getLogger(__name__)

MAX_PICTURE_PX = 200_000_000
"""Largest picture that is decoded."""
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_BUFFER_BYTES = 256 << 10
_PROBED = {"probesize": str(256 << 10), "analyzeduration": "0"}
"""The header says it all; FFmpeg would read and decode megabytes to find out more."""
_INTERLEAVED_S = 2.0
"""How far apart in time the packets of two tracks may lie in a file side by side."""


@dataclass(frozen=True)
class RecordedFile:
    """One recorded file, as the index knows it."""

    path: Path
    """The file; one that was renamed for its kind meanwhile is found nevertheless."""
    recording: Recording
    """What is in it."""


@dataclass(frozen=True, slots=True)
class RecordedPacket:
    """One packet of a recorded file."""

    packet: Packet[Any]
    """What is in it, with the times of the file."""
    is_video: bool
    """Whether it is a picture, else sound."""
    pts_s: float
    """When it is shown, in seconds since the first picture of the file."""
    dts_s: float
    """When it is decoded, in seconds since the first picture of the file is shown."""


class OpenedFile:
    """A recorded file that pictures can be read of.

    Args:
        path: where it is.
        container: the file, opened.
        video: its pictures.
        audio: its sound, if there is any.
    """

    def __init__(self, path: Path, container: InputContainer, video: VideoStream, audio: AudioStream | None) -> None:
        self.path = path
        """Where it was when it was opened."""
        self.video = video
        self.audio = audio
        self._container = container
        self._first_s = _seconds(video.start_time or 0, video)
        self.video_codec = video.codec_context.codec.canonical_name
        """How the pictures are encoded, in FFmpeg's words."""
        self.video_extradata = video.codec_context.extradata or b""
        """What the file's header says to decoders of pictures."""
        self.sound = _sound_of(audio) if audio is not None else None
        """How the sound is encoded; what differs in any of it cannot be on one track."""

    def packets(self, since_s: float, until_s: float) -> Iterator[RecordedPacket]:
        """Yield packets from the last key frame at or before a time up to another, in the order of the file.

        Pictures that are shown before that key frame need one that is not there, so they are left out, as are packets
        that are not whole.
        """
        begin_s = None if since_s > 0 else -math.inf
        for packet in self._from_key_frame(since_s):
            found = self._placed(packet)
            if found is None:
                continue
            if begin_s is None and found.is_video and packet.is_keyframe:
                begin_s = found.pts_s
            if found.dts_s >= until_s + _INTERLEAVED_S:
                return
            if begin_s is not None and begin_s <= found.pts_s and found.dts_s < until_s:
                yield found

    def _from_key_frame(self, since_s: float) -> Iterator[Packet[Any]]:
        """Yield packets from where to begin on; in what goes before the key frame there may be sound beside it."""
        wanted = [self.video, *([self.audio] if self.audio is not None else [])]
        with contextlib.suppress(av.FFmpegError):
            if since_s > 0:
                self._seek(since_s)
            yield from self._container.demux(wanted)

    def _seek(self, since_s: float) -> None:
        """Go to the last key frame that is shown at or before a time; FFmpeg goes by when it is decoded."""
        tick = self._tick(since_s)
        for _ in range(3):
            self._container.seek(tick, stream=self.video, backward=True, any_frame=False)
            first = next((one for one in self._container.demux(self.video) if one.pts is not None), None)
            if first is None or first.pts is None or first.dts is None or first.pts <= self._tick(since_s):
                break
            tick = first.dts - 1
        self._container.seek(max(tick, 0), stream=self.video, backward=True, any_frame=False)

    def _tick(self, time_s: float) -> int:
        assert self.video.time_base is not None
        return round((time_s + self._first_s) / float(self.video.time_base))

    def _placed(self, packet: Packet[Any]) -> RecordedPacket | None:
        if packet.dts is None or packet.pts is None or not packet.size or packet.is_corrupt:
            return None
        pts_s, dts_s = (_seconds(tick, packet.stream) - self._first_s for tick in (packet.pts, packet.dts))
        return RecordedPacket(packet, packet.stream is self.video, pts_s, dts_s)


@contextlib.contextmanager
def opened(file: RecordedFile) -> Iterator[OpenedFile | None]:
    """Open a recorded file and close it at the end; ``None`` where it is not there or no picture can be read of it."""
    with contextlib.ExitStack() as stack:
        try:
            path, stream = _open(file.path)
            stack.enter_context(stream)
            container = stack.enter_context(
                av.open(stream, format="mov", buffer_size=_BUFFER_BYTES, container_options=_PROBED)
            )
            found = _read(path, container)
        except FileNotFoundError:
            found = None
        except (OSError, av.FFmpegError, ValueError) as error:
            log.warning("%s cannot be read (%s); what else was recorded is", file.path, error)
            found = None
        yield found


def _read(path: Path, container: InputContainer) -> OpenedFile | None:
    video = next(iter(container.streams.video), None)
    audio = next(iter(container.streams.audio), None)
    if (
        video is None
        or video.codec_context is None
        or not video.time_base
        or not 0 < video.width * video.height <= MAX_PICTURE_PX
    ):
        return None
    hears = audio is not None and audio.codec_context is not None and audio.time_base
    return OpenedFile(path, container, video, audio if hears else None)


def _sound_of(audio: AudioStream) -> tuple[str, int, int, bytes]:
    """Return codec, sample rate, channels, and what the header says to decoders."""
    context = audio.codec_context
    return context.codec.canonical_name, context.sample_rate, context.layout.nb_channels, context.extradata or b""


def _open(path: Path) -> tuple[Path, io.FileIO]:
    """Open a file under its name or, where its kind has changed meanwhile, under its new one."""
    stem = path.name.rsplit(".", 2)[0]
    names = [path, *(path.with_name(f"{stem}.{kind}{path.suffix}") for kind in get_args(RecordingKind))]
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            return name, _open_regular(name)
    raise FileNotFoundError(path)


def _open_regular(path: Path) -> io.FileIO:
    stream = io.FileIO(os.open(path, _OPEN_FLAGS), "rb")
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError("it is no ordinary file")
    return stream


def _seconds(tick: int, stream: Any) -> float:
    return float(tick * stream.time_base)
