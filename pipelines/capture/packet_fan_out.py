"""Several who take the packets of one stream, as one."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pipelines.capture.packets import EncodedPacket, EncodedTrack, PacketListener
from pipelines.capture.source import Captured
from streamvision.core.config.stream import StreamConfig
from streamvision.core.frame import PacketTime

_log = logging.getLogger(__name__)


class PacketFanOut:
    """Hands on to each what it wants; a :class:`PacketListener` itself.

    There are cameras that give no picture where they are asked for sound, too: after such a connection, the next one
    is made without.

    Args:
        stream_id: the stream.
        listeners: who takes its packets.
    """

    def __init__(self, stream_id: str, listeners: Sequence[PacketListener]) -> None:
        self._stream_id = stream_id
        self._listeners = tuple(listeners)
        self._of_sound: tuple[PacketListener, ...] = ()
        self._has_sound = self._has_picture = False
        self._leaves_out_sound = False

    @property
    def wants_packets(self) -> bool:
        """Whether one of them does."""
        return any(one.wants_packets for one in self._listeners)

    @property
    def wants_sound(self) -> bool:
        """Whether one of them does."""
        return not self._leaves_out_sound and any(one.wants_sound for one in self._listeners)

    def apply(self, stream: StreamConfig) -> None:
        """Tell each what is set for the stream from now on."""
        for one in self._listeners:
            one.apply(stream)

    def begin(self, tracks: tuple[EncodedTrack, ...]) -> None:
        """Begin a connection for each, with its sound for those who want it."""
        self._has_sound, self._has_picture = len(tracks) > 1, False
        self._of_sound = tuple(one for one in self._listeners if one.wants_sound)
        for one in self._listeners:
            one.begin(tracks if one in self._of_sound else tracks[:1])

    def take(self, packet: EncodedPacket) -> PacketTime | None:
        """Hand a packet to all who want it; return by what its picture is known to those who watch."""
        self._has_picture |= packet.track == 0
        picture = None
        for one in self._listeners if packet.track == 0 else self._of_sound:
            if one.wants_packets:
                picture = one.take(packet) or picture
        return picture

    def handed_on(self, captured: Captured, *, is_paced: bool) -> None:
        """Tell each of the next picture."""
        for one in self._listeners:
            one.handed_on(captured, is_paced=is_paced)

    def end(self) -> None:
        """End a connection for each."""
        for one in self._listeners:
            one.end()
        if not self._has_picture and (self._has_sound or self._leaves_out_sound):
            self._leaves_out_sound = not self._leaves_out_sound
            if self._leaves_out_sound:
                _log.warning("stream %s: sound came, but no picture; it is read without sound now", self._stream_id)
        self._has_picture = True
