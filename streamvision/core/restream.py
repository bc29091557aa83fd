"""What the page's server asks of whoever makes videos of the annotated streams (RFC 8216, HTTP Live Streaming)."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from streamvision.core.live import LiveChannel


@dataclass(frozen=True)
class VideoSegment:
    """A piece of a stream's video that begins with a key frame."""

    number: int
    """Its place among all of the stream, from 0."""
    data: bytes
    """Fragmented MP4, which needs the header of its generation."""
    duration_s: float
    """How long it is seen."""
    time_unix_s: float
    """When its first picture was captured, seconds since 1970."""
    generation: int
    """Which header it needs; it grows where the video begins anew."""


@dataclass(frozen=True)
class VideoWindow:
    """The newest part of a stream's video, as it is at one moment."""

    segments: tuple[VideoSegment, ...]
    """The newest pieces, in order; at least one."""
    headers: Mapping[int, bytes]
    """MP4 headers of all generations that there are pieces of."""
    codecs: str
    """Profile and level as RFC 6381 writes them."""
    width_px: int
    """Width of the newest pictures."""
    height_px: int
    """Height of the newest pictures."""
    max_bit_s: int
    """Most bits a second."""
    is_over: bool
    """Whether the stream is over, so that there will be no more pieces."""


class LiveVideos(Protocol):
    """The videos of all streams."""

    def watch(self, channel: LiveChannel, reader: str) -> Future[VideoWindow]:
        """Count a reader for the next seconds, and return the video once there is a piece of it.

        Args:
            channel: the stream; it is encoded while it has readers.
            reader: mark of whoever reads, the same in each of its requests.

        Raises:
            OutputError: when the stream has too many readers.
        """

    def window(self, channel: LiveChannel) -> VideoWindow | None:
        """Return the newest part of a video; ``None`` where nobody reads it."""
