"""Whoever takes encoded video, and remembers it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipelines.encoding.h264 import AccessUnit, H264Encoder
from streamvision.core.live_video import VideoFormat, VideoPacket


@dataclass(eq=False)
class Taking:
    """Takes access units from an encoder."""

    units: list[AccessUnit] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    came: threading.Condition = field(default_factory=threading.Condition)

    def take(self, unit: AccessUnit, encoder: H264Encoder) -> None:
        with self.came:
            self.units.append(unit)
            self.came.notify_all()

    def fail(self, reason: str) -> None:
        self.failed.append(reason)

    def end(self) -> None:
        self.ended.set()

    def has(self, count: int) -> bool:
        """Wait until so many have come."""
        with self.came:
            return self.came.wait_for(lambda: len(self.units) >= count, 30)


@dataclass(eq=False)
class Watching:
    """Takes the packets of a layer."""

    formats: list[VideoFormat] = field(default_factory=list)
    packets: list[VideoPacket] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    def begin(self, video: VideoFormat, packets: Sequence[VideoPacket]) -> None:
        with self.came:
            self.formats.append(video)
            self.packets.extend(packets)
            self.came.notify_all()

    def take(self, packet: VideoPacket) -> None:
        with self.came:
            self.packets.append(packet)
            self.came.notify_all()

    def unavailable(self, reason: str) -> None:
        with self.came:
            self.reasons.append(reason)
            self.came.notify_all()

    def has(self, *, packets: int = 0, reasons: int = 0) -> bool:
        """Wait until so many have come."""
        with self.came:
            return self.came.wait_for(lambda: len(self.packets) >= packets and len(self.reasons) >= reasons, 30)
