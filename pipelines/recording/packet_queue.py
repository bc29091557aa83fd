"""The way from a capture thread to the thread that writes: bounded, and nobody waits at its entrance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipelines.capture.packets import EncodedPacket
from streamvision.core.channel import Channel, Policy
from streamvision.core.telemetry import DropCounter

BEHIND = "recorder_behind"
"""Cause under which pictures are counted that the disk had no time for."""
_MOST_ITEMS = 20_000
"""Packets of a minute and more; the bound that counts is that in bytes."""
_MOST_OTHERS = _MOST_ITEMS // 2


@dataclass(frozen=True)
class Gap:
    """Packets are missing here."""


class PacketQueue:
    """Packets, and what else the writer is told, in order.

    Where it is full, packets are left out up to the next key frame for which there is room, since none before that can
    be decoded; the writer is told by a :class:`Gap`.

    Args:
        max_bytes: most bytes of packets that wait.
        drops: where pictures are counted that were left out.
    """

    def __init__(self, max_bytes: int, drops: DropCounter) -> None:
        self.max_bytes = max_bytes
        """Most bytes of packets that wait."""
        self.drops = drops
        """Where pictures are counted that were left out."""
        self._channel: Channel[Any] = Channel(policy=Policy.DROP_NEWEST, capacity=2 * _MOST_ITEMS)
        self._bytes_in = 0  # only the capture thread counts these, and only the writer those
        self._bytes_out = 0
        self._is_leaving_out = False

    def put_packet(self, packet: EncodedPacket) -> None:
        """Take a packet, or leave it out; on the capture thread."""
        has_room = self._bytes_in - self._bytes_out + len(packet.data) <= self.max_bytes
        has_room = has_room and len(self._channel) < _MOST_ITEMS
        is_picture = packet.track == 0
        if self._is_leaving_out and has_room and is_picture and packet.is_key:
            self._is_leaving_out = False
            self._channel.put(Gap())
        if self._is_leaving_out or not has_room:
            self._is_leaving_out = True
            self.drops.add(BEHIND, is_picture)
            return
        self._bytes_in += len(packet.data)
        self._channel.put(packet)

    def put(self, item: object) -> None:
        """Take what is not to be lost, of which there is little; from any thread."""
        self._channel.put(item)

    def put_if_room(self, item: object) -> None:
        """Take something that may be lost; from any thread."""
        if len(self._channel) < _MOST_OTHERS:
            self._channel.put(item)

    def get(self, timeout_s: float) -> Any | None:
        """Return the next item, waiting for it; ``None`` where none came, or none will. On the writer's thread."""
        item = self._channel.get(timeout_s)
        if isinstance(item, EncodedPacket):
            self._bytes_out += len(item.data)
        return item

    def close(self) -> None:
        """Take nothing more; what waits can still be taken."""
        self._channel.close()

    @property
    def over(self) -> bool:
        """Whether nothing waits and nothing will come."""
        return self._channel.closed and not len(self._channel)
