"""Hands pictures that come over HTTP on as they are: each file is a packet of a Motion JPEG track."""

from __future__ import annotations

from fractions import Fraction

from pipelines.capture.ffmpeg.track_header import picture_track
from pipelines.capture.packets import EncodedPacket, PacketListener

_TICK_S = Fraction(1, 90000)


class PictureTap:
    """Of one connection.

    Args:
        listener: who takes the pictures, on the thread that reads them.
    """

    def __init__(self, listener: PacketListener) -> None:
        self._listener = listener
        self._has_begun = False

    def take(self, data: bytes, captured_at_s: float) -> None:
        """Hand on a picture's file; one that is no JPEG is left out."""
        if not self._listener.wants_packets or not self._begun_with(data):
            return
        tick = round(captured_at_s / _TICK_S)
        self._listener.take(
            EncodedPacket(track=0, data=data, pts=tick, dts=tick, duration=0, is_key=True, arrived_at_s=captured_at_s)
        )

    def end(self) -> None:
        """Take note of the end of the connection; calling it twice is harmless."""
        if self._has_begun:
            self._has_begun = False
            self._listener.end()

    def _begun_with(self, data: bytes) -> bool:
        if not self._has_begun and data.startswith(b"\xff\xd8") and (track := picture_track(data, _TICK_S)):
            self._has_begun = True
            self._listener.begin((track,))
        return self._has_begun and data.startswith(b"\xff\xd8")
