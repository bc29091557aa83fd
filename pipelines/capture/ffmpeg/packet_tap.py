"""Hands the packets of an FFmpeg input on as they come, beside their way to the decoder."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

from av.video.frame import VideoFrame

from pipelines.capture.ffmpeg.track_header import encoded_track
from pipelines.capture.packets import EncodedPacket, PacketListener
from streamvision.core.frame import PacketTime

log = logging.getLogger(__name__)

_VIDEO, _SOUND = 0, 1


class PacketTap:
    """Of one connection.

    Args:
        listener: who takes the packets, on the thread that reads them.
        shown: the source as it may be shown.
    """

    def __init__(self, listener: PacketListener, shown: str) -> None:
        self._listener = listener
        self._shown = shown
        self._sound: Any = None
        self._has_begun = False
        self.tracks: frozenset[int] = frozenset()
        """Indices of the streams that are handed on."""
        self.wants_sound = listener.wants_sound
        """Whether the camera is asked for sound."""

    def leave_out_sound(self) -> None:
        """Do without sound, since the camera does not give it."""
        log.warning("%s gives no picture where it is asked for sound, which is left out", self._shown)
        self.wants_sound = False

    def begin(self, container: Any, video: Any) -> None:
        """Take note of an open container and the video stream of it that is read."""
        self._sound = _sound_of(container) if self.wants_sound else None
        streams = [video] if self._sound is None else [video, self._sound]
        self.tracks = frozenset(stream.index for stream in streams)
        self._listener.begin(tuple(encoded_track(stream) for stream in streams))
        self._has_begun = True

    def end(self) -> None:
        """Take note of the end of the connection; calling it twice is harmless."""
        if self._has_begun:
            self._has_begun = False
            self._listener.end()

    def demuxed(self, container: Any, video: Any, patience_s: float) -> Iterator[Any]:
        """Return the packets of the video as they come; those of the sound are handed on.

        Raises:
            TimeoutError: when there is sound, but for so long no picture.
        """
        if self._sound is None:
            packets: Iterator[Any] = container.demux(video)
            return packets
        return self._without_sound(container.demux(video, self._sound), self._sound.index, patience_s)

    def take(self, packet: Any, arrived_at_s: float, *, untimed: bool) -> None:
        """Hand a packet of the video on.

        Args:
            packet: PyAV's packet; it is copied.
            arrived_at_s: when it reached this machine, on ``time.monotonic()``.
            untimed: whether its times are made up.
        """
        if self._listener.wants_packets and packet.size:
            self._hand_on(packet, _VIDEO, arrived_at_s, untimed=untimed)

    def _without_sound(self, packets: Iterator[Any], sound: int, patience_s: float) -> Iterator[Any]:
        seen_s = time.monotonic()
        for packet in packets:
            if packet.stream_index != sound:
                yield packet
                seen_s = time.monotonic()
                continue
            now_s = time.monotonic()
            if self._listener.wants_packets and packet.size:
                self._hand_on(packet, _SOUND, now_s, untimed=False)
            if now_s - seen_s >= patience_s:
                raise TimeoutError("sound, but no picture")

    def _hand_on(self, packet: Any, track: int, arrived_at_s: float, *, untimed: bool) -> None:
        picture = self._listener.take(
            EncodedPacket(
                track=track,
                data=bytes(packet),
                pts=None if untimed else packet.pts,
                dts=None if untimed else packet.dts,
                duration=packet.duration or 0,
                is_key=packet.is_keyframe,
                arrived_at_s=arrived_at_s,
            )
        )
        if picture is not None:
            packet.opaque = picture


def packet_of(frame: VideoFrame) -> PacketTime | None:
    """Return by what the packet is known that a frame was decoded from; decoders copy what was put on it."""
    return frame.opaque if isinstance(frame.opaque, PacketTime) else None


def _sound_of(container: Any) -> Any | None:
    """Return the sound that players would take; ``None`` where there is none of a known kind."""
    best = container.streams.best("audio")
    return best if best is not None and best.codec_context is not None else None
