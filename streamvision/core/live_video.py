"""Encoded video of a stream on its way to those who watch: the camera's own packets, or pictures encoded here once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from streamvision.core.live import LiveChannel

Way = Literal["passed_on", "encoded"]
"""Whether packets are the camera's own, or made here of its pictures."""


class VideoLayer(NamedTuple):
    """Which of a stream's videos is meant."""

    way: Way
    """Whose packets."""
    width_px: int | None = None
    """How wide the pictures are at most; ``None``: as they come. Packets that are passed on have no other width."""


@dataclass(frozen=True)
class SoundFormat:
    """What a decoder of sound must know before the first packet."""

    codec: str
    """As WebCodecs names it: ``mp4a.40.2``, ``opus``, ``ulaw``, ``alaw``."""
    sample_rate_hz: int
    """Samples a second."""
    channels: int
    """Channels."""
    description: bytes = field(default=b"", repr=False)
    """What the decoder needs beside that, such as the AudioSpecificConfig of AAC; often nothing."""


@dataclass(frozen=True)
class VideoFormat:
    """What a decoder must know before the first packet."""

    generation: int
    """Grows where decoding begins anew: another connection, size or codec."""
    codec: str
    """As RFC 6381 writes it, such as ``avc1.64001f``."""
    width_px: int
    """Width of the pictures."""
    height_px: int
    """Height of the pictures."""
    way: Way
    """Whose packets they are."""
    is_drawn: bool
    """Whether what was found is drawn into the pictures already."""
    reorders: bool
    """Whether pictures are shown in another order than their packets come in."""
    sound: SoundFormat | None = None
    """Its sound; ``None`` where there is none."""


@dataclass(frozen=True, slots=True)
class VideoPacket:
    """One packet of video, or of sound."""

    generation: int
    """Of the format that it needs."""
    track: Literal["video", "sound"]
    """What is in it."""
    data: bytes = field(repr=False)
    """H.264 and H.265 with start codes (Annex B), and with their parameter sets in every key frame."""
    is_key: bool
    """Whether decoding can begin here."""
    time_us: int
    """When it is shown, in microseconds of the video's own clock; no two pictures of a generation share one."""
    captured_us: int
    """When it reached this machine, in microseconds on ``time.monotonic()``. Of an encoded picture it is exactly
    ``round(frame.captured_at_s * 1e6)``."""


class VideoListener(Protocol):
    """Takes the packets of one layer of a stream; called from any thread, one call at a time, it returns at once."""

    def begin(self, video: VideoFormat, packets: Sequence[VideoPacket]) -> None:
        """Begin, or begin anew, with all packets since the last key frame; none where the next key frame is awaited."""

    def take(self, packet: VideoPacket) -> None:
        """Take the next packet."""

    def unavailable(self, reason: str) -> None:
        """Take note that there is no such layer of this stream now, in one sentence; a later ``begin`` may follow."""


class LivePackets(Protocol):
    """The encoded videos of all streams."""

    def subscribe(self, channel: LiveChannel, layer: VideoLayer, listener: VideoListener) -> Callable[[], None]:
        """Give a layer of a stream to a listener from now on; return what ends that.

        Args:
            channel: the stream.
            layer: which of its videos; what is encoded is encoded once for all who take the same.
            listener: is told by ``begin`` or ``unavailable`` soon.
        """

    def request_key_frame(self, channel: LiveChannel, layer: VideoLayer) -> None:
        """Let an encoded layer's next picture be a key frame; packets that are passed on come as they come."""
