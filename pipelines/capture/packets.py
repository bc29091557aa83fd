"""Encoded packets of a source, as they came, for those who record them or pass them on."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, Protocol

from pipelines.capture.source import Captured
from streamvision.core.config.stream import StreamConfig
from streamvision.core.frame import PacketTime


@dataclass(frozen=True)
class EncodedTrack:
    """One track of a source: all that a file must say of it."""

    kind: Literal["video", "audio"]
    """What is in it."""
    codec: str
    """How it is encoded, in FFmpeg's words."""
    time_base: Fraction
    """Seconds of one tick of its packets' times."""
    extradata: bytes = field(default=b"", repr=False)
    """What decoders need before the first packet; empty where the packets say it themselves."""
    width_px: int = 0
    """Width of its pictures."""
    height_px: int = 0
    """Height of its pictures."""
    sample_rate_hz: int = 0
    """Samples a second of its sound."""
    channels: int = 0
    """Channels of its sound."""
    header: bytes = field(default=b"", repr=False)
    """All that FFmpeg knows of it, as a NUT file with a packet of no meaning; what it is written into copies that."""


@dataclass(frozen=True, slots=True)
class EncodedPacket:
    """One packet, exactly as the source sent it."""

    track: int
    """Index of its track among those that :meth:`PacketListener.begin` was given."""
    data: bytes = field(repr=False)
    """What is in it."""
    pts: int | None
    """When it is shown, in ticks of its track."""
    dts: int | None
    """When it is decoded, in ticks of its track."""
    duration: int
    """How long it lasts, in ticks of its track; 0 where the source does not say."""
    is_key: bool
    """Whether decoding can begin here."""
    arrived_at_s: float
    """When it reached this machine, on ``time.monotonic()``; equals ``captured_at_s`` of the frame made of it."""


class PacketListener(Protocol):
    """Takes the packets of one stream on its capture thread, so every method returns at once and raises nothing.

    Connections are told one after another, each by :meth:`begin` and :meth:`end`; where none is told, as of sources
    that have no packets, the others are not called.
    """

    @property
    def wants_packets(self) -> bool:
        """Whether :meth:`take` is to be called just now; asked for each packet, so it answers at once."""

    @property
    def wants_sound(self) -> bool:
        """Whether sound is to be asked for at the next connection."""

    def apply(self, stream: StreamConfig) -> None:
        """Take note of what is set for the stream from now on."""

    def begin(self, tracks: tuple[EncodedTrack, ...]) -> None:
        """Take note of a connection and its tracks; the first is the one that is decoded."""

    def take(self, packet: EncodedPacket) -> PacketTime | None:
        """Take the next packet; return by what its picture is known to others, ``None`` where it is not."""

    def handed_on(self, captured: Captured, *, is_paced: bool) -> None:
        """Take note of the next picture, just before it is handed on.

        Args:
            captured: the picture, with the packet that it was decoded from.
            is_paced: whether the source is read ahead, and pictures wait for their time.
        """

    def end(self) -> None:
        """Take note that the connection ended."""
