"""Recorded files joined to one, packet by packet, as the camera sent them."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

from av.packet import Packet

from pipelines.recording.joined_times import JoinedTimes
from pipelines.recording.pieces import PiecesFile, takes
from pipelines.recording.recorded_file import OpenedFile, RecordedFile, RecordedPacket, opened
from pipelines.recording.sets_in_front import with_parameter_sets
from streamvision.core.errors import ConfigError
from streamvision.core.recordings import RecordedSpan, Recording

log = logging.getLogger(__name__)

_LAST_UNIX_S = 253_402_300_799.0  # the last second of the year 9999


def overlapping(files: Sequence[RecordedFile], span: RecordedSpan) -> list[RecordedFile]:
    """Return the files of a stream that hold something of a span, the oldest first."""
    found = [
        file
        for file in files
        if file.recording.stream == span.stream
        and file.recording.start_unix_s < span.until_unix_s
        and file.recording.end_unix_s > span.since_unix_s
    ]
    return sorted(found, key=lambda file: file.recording.start_unix_s)


def check_same_pictures(files: Sequence[RecordedFile]) -> None:
    """Check that one track can hold the pictures of all files.

    Raises:
        ConfigError: when their codec or size changes; it says when.
    """
    for before, after in itertools.pairwise(files):
        old, new = before.recording, after.recording
        if (old.codec, old.width_px, old.height_px) != (new.codec, new.width_px, new.height_px):
            raise ConfigError(
                f"the pictures of {new.stream} change from {_kind(old)} to {_kind(new)} at {utc(new.start_unix_s)}, "
                "and one file of the camera's own packets holds one kind of pictures; export until or from then, or "
                "with boxes drawn, which encodes them again"
            )


def joined(files: Sequence[RecordedFile], span: RecordedSpan) -> Iterator[bytes]:
    """Yield one MP4 file of the packets of a span; nothing where there is no picture in it."""
    joining: _Joining | None = None
    try:
        for file in files:
            with opened(file) as source:
                if source is None:
                    continue
                joining = joining or _Joining(source, files)
                start_s = file.recording.start_unix_s
                yield from joining.add(source, span.since_unix_s - start_s, span.until_unix_s - start_s)
    finally:
        if joining is not None:
            joining.pieces.close()
    if joining is not None:
        yield from joining.pieces.take()


class _Joining:
    """The file that is made.

    Args:
        source: the first file that can be read, which says how the pictures are encoded.
        files: all of them; the first that has sound says how that is.
    """

    def __init__(self, source: OpenedFile, files: Sequence[RecordedFile]) -> None:
        self._codec = source.video_codec
        self._extradata = source.video_extradata
        self._times = JoinedTimes()
        with contextlib.ExitStack() as stack:
            sounding = source if source.audio is not None else _with_sound(files, stack)
            audio = sounding.audio if sounding is not None else None
            self._sound = sounding.sound if sounding is not None else None
            codecs = [self._codec, *([self._sound[0]] if self._sound else [])]
            form = "mp4" if all(takes("mp4", codec) for codec in codecs) else "mov"
            self.pieces = PiecesFile(form)
            self._video: Any = self.pieces.container.add_stream_from_template(source.video)
            self._audio: Any = None
            if audio is not None and self._sound is not None and takes(form, self._sound[0]):
                self._audio = self.pieces.container.add_stream_from_template(audio)
        self.pieces.begin()

    def add(self, source: OpenedFile, since_s: float, until_s: float) -> Iterator[bytes]:
        """Take the packets of the next file that fit, and yield what of the file is complete."""
        if source.video_codec != self._codec:
            log.warning("%s is left out, since its pictures are encoded in another way", source.path)
            return
        self._times.begin_file()
        sounds = self._audio is not None and source.sound == self._sound
        changed, self._extradata = source.video_extradata != self._extradata, source.video_extradata
        for found in source.packets(since_s, until_s):
            if not (found.is_video or sounds):
                continue
            packet = found.packet
            if found.is_video and changed:
                packet, changed = self._with_sets(packet), False
            self._mux(found, packet)
            yield from self.pieces.take()

    def _mux(self, found: RecordedPacket, packet: Packet[Any]) -> None:
        stream = self._video if found.is_video else self._audio
        ticks = self._times.ticks(found, stream.time_base)
        if ticks is None:
            return
        lasts_s = float(packet.duration * packet.time_base) if packet.duration and packet.time_base else 0.0
        packet.stream, packet.time_base, (packet.pts, packet.dts) = stream, stream.time_base, ticks
        packet.duration = round(min(lasts_s, 1.0) / stream.time_base)
        self.pieces.container.mux(packet)

    def _with_sets(self, packet: Packet[Any]) -> Packet[Any]:
        content = with_parameter_sets(self._codec, self._extradata, bytes(packet))
        if content is None:
            return packet
        changed = Packet(content)
        changed.is_keyframe, changed.duration, changed.time_base = True, packet.duration, packet.time_base
        return changed


def _with_sound(files: Sequence[RecordedFile], stack: contextlib.ExitStack) -> OpenedFile | None:
    sounding = next((file for file in files if file.recording.has_sound), None)
    return stack.enter_context(opened(sounding)) if sounding is not None else None


def _kind(recording: Recording) -> str:
    return f"{recording.codec} {recording.width_px}x{recording.height_px}"


def utc(unix_s: float) -> str:
    """Return a moment as messages say it, in whole seconds."""
    return (
        datetime.fromtimestamp(min(max(unix_s, 0.0), _LAST_UNIX_S), timezone.utc)
        .isoformat(timespec="seconds")
        .replace("+00:00", "Z")
    )
