"""What was recorded of the cameras' own packets: what there is, and how it is looked at again.

Times here are those of this machine's clock when a packet arrived, in seconds since 1970 UTC: a camera's clock may
jump.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import urlencode

from streamvision.core.errors import StreamVisionError


class RecordingAbsentError(StreamVisionError, LookupError):
    """Nothing was recorded there, or it is not kept any more."""


RecordingKind = Literal["continuous", "event", "kept"]
"""Why it is kept: as all of a stream is, since something happened, or for good since somebody said so."""


@dataclass(frozen=True)
class Recording:
    """One file: packets from one key frame to another, and beside it what was found on the frames."""

    id: int
    """Its number in the index."""
    stream: str
    """Of which stream."""
    kind: RecordingKind
    """Why it is kept."""
    start_unix_s: float
    """When its first picture arrived."""
    end_unix_s: float
    """When its last picture ended."""
    size_bytes: int
    """Size of the file and of what stands beside it."""
    codec: str
    """How its pictures are encoded, in FFmpeg's words: h264, hevc, mjpeg."""
    width_px: int
    """Width of its pictures."""
    height_px: int
    """Height of its pictures."""
    has_sound: bool
    """Whether there is sound."""


@dataclass(frozen=True)
class RecordedSpan:
    """A stretch of time of one stream."""

    stream: str
    """Of which stream."""
    since_unix_s: float
    """Where it begins."""
    until_unix_s: float
    """Where it ends."""


ClipSpan = Callable[[str], "tuple[float, float] | None"]
"""Returns how much is recorded before and behind an event of a stream, in seconds; ``None`` where nothing is."""


def no_clips(stream_id: str) -> None:
    """Say that nothing is recorded."""


def clip_address(stream: str, at_unix_s: float, span_s: tuple[float, float]) -> str:
    """Return the address of what was recorded around an event, from the application's root.

    Args:
        stream: where it was.
        at_unix_s: when its frame arrived.
        span_s: how much is recorded before and behind it, in seconds.
    """
    since, until = at_unix_s - span_s[0], at_unix_s + span_s[1]
    asked = urlencode({"stream": stream, "since": round(since, 3), "until": round(until, 3)})
    return f"api/recordings/export.mp4?{asked}"


@dataclass(frozen=True)
class RecordedObject:
    """An object on a recorded frame."""

    track_id: int | None
    """Its identity; ``None`` where it has none."""
    class_name: str
    """Its class."""
    score: float
    """How sure the network was, 0 to 1."""
    box: tuple[float, float, float, float]
    """Left, top, right, bottom, in fractions of the picture."""
    class_id: int
    """Number of its class."""


@dataclass(frozen=True)
class RecordedFrame:
    """What was found on a recorded frame."""

    time_unix_s: float
    """When the frame arrived."""
    objects: tuple[RecordedObject, ...]
    """The objects; empty where there was none."""


@dataclass(frozen=True)
class Motion:
    """How much of a region changed from one key frame to the next."""

    time_unix_s: float
    """When the later of the two arrived."""
    share: float
    """Share of the region's pixels that changed, 0 to 1."""


class Recordings(Protocol):
    """What was recorded, as far as it is kept. Everything here is safe to call from any thread.

    Raises, each method: StateError, where the index cannot be read; ConfigError, where what is asked for is not
    accepted.
    """

    def find(self, streams: frozenset[str] | None, since_unix_s: float, until_unix_s: float) -> list[Recording]:
        """Return what there is of these streams (``None``: of all) in this time, the oldest first, at most 5000."""

    def recording(self, recording_id: int) -> Recording | None:
        """Return one recording; ``None`` where it is not there, or not any more."""

    def file(self, recording_id: int) -> Path | None:
        """Return its file; ``None`` where it is not there, or not any more."""

    def frames(self, span: RecordedSpan) -> list[RecordedFrame]:
        """Return what was found on the recorded frames of a span, the oldest first."""

    def plays_as_it_is(self, recording_id: int) -> bool:
        """Say whether :meth:`playable` gives the file itself; what else it gives takes work from the beginning on."""

    def playable(self, recording_id: int) -> Iterator[bytes] | Path | None:
        """Return a file that browsers play, whole: the file itself, or its pieces with sound that they can play."""

    def media_type(self, recording_id: int) -> str | None:
        """Return what :meth:`playable` gives, as ``video/mp4; codecs="avc1.640028,mp4a.40.2"`` (RFC 6381)."""

    def motion(self, span: RecordedSpan, polygon: Sequence[tuple[float, float]]) -> Iterator[Motion]:
        """Yield how much of a region changed, by the key frames alone, at most one a second, the oldest first.

        Args:
            span: what of, at most four hours.
            polygon: the region, three to 64 points in fractions of the picture.
        """

    def thumbnail(self, stream: str, at_unix_s: float, width_px: int) -> bytes | None:
        """Return the key frame at or before a moment as a JPEG file; ``None`` where nothing was recorded there."""

    def export(self, span: RecordedSpan, *, annotated: bool) -> Iterator[bytes]:
        """Return the pieces of one MP4 file from the last key frame at or before a span to its end.

        Args:
            span: what of.
            annotated: whether boxes are drawn into it, which encodes it again; else its packets are the camera's.

        Raises:
            RecordingAbsentError: when nothing was recorded in it.
        """

    def keep(self, span: RecordedSpan, *, kept: bool) -> int:
        """Keep what was recorded in a span for good, or no longer; return how many files that is about."""

    def remove(self, span: RecordedSpan) -> int:
        """Remove what was recorded in a span, in whole files, those that are kept for good, too; return how many."""

    def summary(self) -> dict[str, Any]:
        """Return bytes and hours by kind and by stream, the bounds, the free room, and faults, as plain values."""
