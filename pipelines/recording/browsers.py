"""A recorded file as browsers play it, and what they call it (RFC 6381)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from pipelines.recording.joining import drawn, joined, with_aac
from pipelines.recording.recorded_file import OpenedFile, RecordedFile, opened
from pipelines.recording.spans import begun
from streamvision.core.picture import Canvas, YuvPicture
from streamvision.core.recordings import RecordedSpan

_AAC = "mp4a.40.2"
_FOREVER_UNIX_S = 1e11


def plays_as_it_is(file: RecordedFile) -> bool:
    """Say whether browsers play the file itself."""
    with opened(file) as source:
        return source is not None and _as_it_is(source) is not None


def played(file: RecordedFile) -> tuple[tuple[str, ...], Iterator[bytes] | Path]:
    """Return the codecs of what browsers play of a file, and that: the file itself, or its pieces.

    Raises:
        RecordingAbsentError: when there is no picture in it, or it was removed.
    """
    recording = file.recording
    span = RecordedSpan(recording.stream, recording.start_unix_s, _FOREVER_UNIX_S)
    with opened(file) as source:
        if source is not None and (codecs := _as_it_is(source)) is not None:
            return codecs, source.path
        is_avc = source is not None and _avc_of(source) is not None
    pieces = begun(joined([file], span, with_aac if is_avc else drawn(_plain)), span)
    head = next(pieces)
    place = head.find(b"avcC")
    made = _avc(head[place + 4 : place + 8]) or "avc1", *([_AAC] if b"mp4a" in head else [])
    return made, itertools.chain([head], pieces)


def _as_it_is(source: OpenedFile) -> tuple[str, ...] | None:
    """Return the codecs of a file that browsers play as it is; ``None``: they do not."""
    avc, sound = _avc_of(source), source.sound[0] if source.sound is not None else None
    return (avc, *([_AAC] if sound else [])) if avc is not None and sound in (None, "aac") else None


def _avc_of(source: OpenedFile) -> str | None:
    return _avc(source.video_extradata) if source.video_codec == "h264" else None


def _plain(file: RecordedFile, time_s: float, picture: YuvPicture) -> Canvas:
    return picture.to_canvas()


def _avc(extradata: bytes) -> str | None:
    """Return profile and level of H.264 by its header (ISO/IEC 14496-15, ``avcC``)."""
    return f"avc1.{extradata[1:4].hex()}" if len(extradata) >= 4 and extradata[0] == 1 else None
