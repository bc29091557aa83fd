"""What a source is: its tracks, and how its pictures will be shown."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from pipelines.capture.registry import create_reader
from pipelines.capture.source import NOT_YET, Captured, Reader, SourceSpec
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError

FIRST_PICTURE_S = 15.0
"""Longest wait for a picture of a source that is open; cameras send a key frame every ten seconds."""


@runtime_checkable
class DescribingReader(Protocol):
    """A reader that knows more of its source than its pictures."""

    def describe(self) -> dict[str, Any]:
        """Return plain values, once a picture was read: ``container``, ``duration_s``, ``tracks`` and ``coded``."""


@dataclass(frozen=True, kw_only=True)
class SourceDescription:
    """What a source is and what will be used of it."""

    source: str
    """The source as it may be shown."""
    kind: str
    """Name of its kind, such as ``file`` or ``rtsp``."""
    live: bool
    """Whether only the newest frame counts."""
    width_px: int
    """Width of its pictures as they will be seen."""
    height_px: int
    """Height of its pictures as they will be seen."""
    frames: int | None
    """How many frames it says it has."""
    container: str | None = None
    """FFmpeg's name of the container or protocol."""
    duration_s: float | None = None
    """How long it says it lasts."""
    tracks: list[dict[str, Any]] = field(default_factory=list)
    """Its tracks, as :class:`pipelines.capture.ffmpeg.tracks.Track` has them, each with ``used``."""
    coded: dict[str, Any] | None = None
    """How pictures are coded: size, pixel format, aspect, turn, colours, and ``changes``, what is done to show them."""


def probe_source(spec: SourceSpec, config: StreamConfig) -> SourceDescription:
    """Open a source, look at its first picture and close it.

    Raises:
        SourceError: when it cannot be opened or gives no picture.
    """
    reader = create_reader(spec, config=config)
    try:
        reader.open()
        picture = _first(reader, spec).picture
        known = reader.describe() if isinstance(reader, DescribingReader) else {}
        return SourceDescription(
            source=spec.safe_uri,
            kind=spec.kind,
            live=spec.live,
            width_px=picture.width_px,
            height_px=picture.height_px,
            frames=reader.expected_frames,
            **known,
        )
    finally:
        reader.close()


def _first(reader: Reader, spec: SourceSpec) -> Captured:
    deadline_s = time.monotonic() + FIRST_PICTURE_S
    while (captured := reader.read()) is NOT_YET:
        if time.monotonic() > deadline_s:
            raise SourceError(f"{spec.safe_uri} has given no undamaged picture for {FIRST_PICTURE_S:g} s")
    if captured is None:
        raise SourceError(f"{spec.safe_uri} holds no picture; give another source", permanent=True)
    return captured
