"""Packets as a file that plays whatever becomes of its writer: fragmented MP4 (ISO/IEC 14496-12), nothing encoded anew.

Each group of pictures is a fragment, which is handed to the operating system as soon as it is complete; a group that
is longer than two seconds is several. The packets are the source's, but that H.264 and H.265 have the length of each
unit before it where the source may have start codes. What MP4 has no name for, such as the G.711 sound of cameras,
makes it a QuickTime file, which differs in little else.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import av

from pipelines.capture.ffmpeg.track_header import add_track, parsed_track
from pipelines.capture.packets import EncodedPacket, EncodedTrack
from pipelines.codecs import adts
from pipelines.outputs.checked_file import CheckedFile, end_of_fragments
from pipelines.outputs.line_file import cannot_write
from pipelines.recording.parameter_sets import parameters, stored_parameters
from streamvision.core.errors import OutputError

_FORMATS = ("mp4", "mov")
_LONGEST_FRAGMENT_S = 2.0
_OPTIONS = {
    "movflags": "frag_keyframe+empty_moov+delay_moov+default_base_moof",
    "frag_duration": str(int(_LONGEST_FRAGMENT_S * 1e6)),
    "flush_packets": "1",
    "max_interleave_delta": "500000",  # a track that is silent holds the others back no longer
}
_BUFFER_BYTES = 256 * 1024
_RAW = frozenset({"rawvideo", "yuv4", "v210", "v410"})
_NEED_PARAMETERS = frozenset({"h264", "hevc"})
_SAID_BY_KEY_FRAMES = _NEED_PARAMETERS | {"mjpeg"}


def recordable(tracks: Sequence[EncodedTrack]) -> tuple[EncodedTrack, ...]:
    """Return the tracks that a file takes: the pictures, and the sound where there is a name for it.

    Raises:
        OutputError: when there is none for the pictures.
    """
    video = tracks[0]
    is_known = bool(video.header) or video.codec in _SAID_BY_KEY_FRAMES
    if video.codec in _RAW or not is_known or not _format_of(tracks[:1]):
        raise OutputError(f"its pictures are {video.codec}, which is not recorded; set the camera to H.264 or H.265")
    return tuple(tracks) if all(track.header for track in tracks[1:]) and _format_of(tracks) else (video,)


def described_sound(track: EncodedTrack, packet: bytes) -> EncodedTrack:
    """Return a track of sound as a packet of it says that it is."""
    if track.codec == "aac" and not track.extradata and adts.has_header(packet):
        return replace(track, extradata=adts.audio_config(packet))
    return track


def described(track: EncodedTrack, key: bytes) -> EncodedTrack | None:
    """Return a track of pictures as a key frame says that it is; ``None`` where nobody says enough to decode it.

    Args:
        track: what the source said when it was opened.
        key: the packet of a key frame.
    """
    said = parameters(track.codec, key)
    if not said:
        needs = track.codec in _NEED_PARAMETERS and not track.extradata
        return None if needs or not track.header else track
    if said == stored_parameters(track.codec, track.extradata) and track.header:
        return track
    found = parsed_track(key, track.codec)
    return replace(found, time_base=track.time_base, extradata=said) if found is not None else None


class SegmentFile:
    """One file that is being written.

    Args:
        path: where to; it is made.
        tracks: what goes into it, the pictures first, as :func:`recordable` and :func:`described` gave them.

    Raises:
        OutputError: from all methods, when it cannot be written; a full disk has the error number ENOSPC as its
            ``__cause__``.
    """

    def __init__(self, path: Path, tracks: Sequence[EncodedTrack]) -> None:
        self.path = path
        """The file."""
        self._tracks = tuple(tracks)
        self._file: CheckedFile | None = None
        self._output: Any = None
        try:
            self._file = CheckedFile(path, "xb", opener=_private)
            self._output = av.open(
                self._file, "w", format=_format_of(tracks), options=_OPTIONS, buffer_size=_BUFFER_BYTES
            )
            self._streams = [add_track(self._output, track) for track in tracks]
        except (OSError, ValueError, av.error.FFmpegError) as error:
            self._abandon()
            raise self._failure(error) from error

    def write(self, packet: EncodedPacket, pts: int, dts: int) -> None:
        """Add a packet.

        Args:
            packet: the packet, whose own times are of no account.
            pts: when it is shown, in ticks of its track from the beginning of the file.
            dts: when it is decoded.
        """
        track = self._tracks[packet.track]
        muxed = av.Packet(adts.without_header(packet.data) if track.codec == "aac" else packet.data)
        muxed.stream = self._streams[packet.track]
        muxed.time_base = track.time_base
        muxed.pts, muxed.dts, muxed.is_keyframe = pts, dts, packet.is_key
        if packet.duration:
            muxed.duration = packet.duration
        try:
            self._output.mux_one(muxed)
        except (OSError, ValueError, av.error.FFmpegError) as error:
            raise self._failure(error) from error

    def sync(self) -> None:
        """Have what was handed to the operating system on the disk."""
        try:
            if self._file is not None:
                os.fdatasync(self._file.fileno())
        except OSError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Write what is left and have all of it on the disk; calling it twice is harmless."""
        output, self._output = self._output, None
        if output is None:
            return
        try:
            output.close()
            self.sync()
            self._check()
        except (OSError, ValueError, av.error.FFmpegError) as error:
            raise self._failure(error) from error
        finally:
            self._abandon()

    def cut(self) -> bool:
        """Give up after a failure: keep the fragments that are whole, or no file where none is; return whether one
        is."""
        output, self._output = self._output, None
        with contextlib.suppress(OSError, ValueError, av.error.FFmpegError):
            if output is not None:
                output.close()
        self._abandon()
        with contextlib.suppress(OSError):
            if end := end_of_fragments(self.path):
                os.truncate(self.path, end)
                return True
            self.path.unlink()
        return False

    def _check(self) -> None:
        number = self._file.error_number if self._file is not None else None
        if number is not None:
            raise OSError(number, os.strerror(number))

    def _abandon(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()

    def _failure(self, error: Exception) -> OutputError:
        if isinstance(error, OutputError):
            return error
        number = self._file.error_number if self._file is not None else None
        if number is not None:
            error = OSError(number, os.strerror(number))
        failure = (
            cannot_write(self.path, error)
            if isinstance(error, OSError)
            else OutputError(f"cannot record to {self.path}: {error}")
        )
        failure.__cause__ = error
        return failure


@cache
def _supported(name: str) -> frozenset[str]:
    with av.open(os.devnull, "w", format=name) as output:
        return frozenset(output.supported_codecs)


def _format_of(tracks: Sequence[EncodedTrack]) -> str | None:
    """Return the format that has a name for all of these codecs."""
    return next((name for name in _FORMATS if {track.codec for track in tracks} <= _supported(name)), None)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
