"""The newest packets of a stream, from key frame to key frame: what came before an event."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from pipelines.capture.packets import EncodedPacket


class PacketRing:
    """Packets of one connection; one thread uses it.

    Args:
        max_bytes: most that it holds. Where a group of pictures alone is larger, it is let go of, and the next begins.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        """Most that it holds."""
        self._groups: deque[_Group] = deque()
        self._bytes = 0

    @property
    def size_bytes(self) -> int:
        """What it holds."""
        return self._bytes

    @property
    def start_at_s(self) -> float | None:
        """When its first packet arrived; ``None`` while it is empty."""
        return self._groups[0].packets[0].arrived_at_s if self._groups else None

    def add(self, packet: EncodedPacket, *, keep_since_s: float) -> None:
        """Take a packet; what comes before the first key frame is left out.

        Args:
            packet: the next one.
            keep_since_s: how far back it has to reach, on the clock of ``arrived_at_s``; older groups are let go of.
        """
        if packet.track == 0 and packet.is_key:
            self._groups.append(_Group())
        if not self._groups:
            return
        self._groups[-1].add(packet)
        self._bytes += len(packet.data)
        while len(self._groups) > 1 and self._groups[1].packets[0].arrived_at_s <= keep_since_s:
            self._drop_first()
        while self._groups and self._bytes > self.max_bytes:
            self._drop_first()

    def take_since(self, at_s: float) -> Iterable[EncodedPacket]:
        """Give all that it holds from the last key frame at or before a moment, or else from the first; it is empty
        then."""
        while len(self._groups) > 1 and self._groups[1].packets[0].arrived_at_s <= at_s:
            self._drop_first()
        packets = [packet for group in self._groups for packet in group.packets]
        self.clear()
        return packets

    def clear(self) -> None:
        """Let go of everything."""
        self._groups.clear()
        self._bytes = 0

    def _drop_first(self) -> None:
        self._bytes -= self._groups.popleft().size_bytes


class _Group:
    """A key frame and what follows it up to the next one."""

    def __init__(self) -> None:
        self.packets: list[EncodedPacket] = []
        self.size_bytes = 0

    def add(self, packet: EncodedPacket) -> None:
        self.packets.append(packet)
        self.size_bytes += len(packet.data)
