"""Joins what FFmpeg's parser takes for several pictures: cameras that repeat their parameter sets before every slice.

The measured problem: GStreamer's `x264enc tune=zerolatency ! rtph264pay config-interval=-1` sends key frames of several
slices so, and since a new picture begins with parameter sets (ITU-T H.264, 7.4.1.2.3), each slice came as a packet
of its own. The decoder called every key frame damaged, so that no picture of such a camera was ever whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import av

_CODE = b"\0\0\1"
_FIRST_OF_PICTURE = 0x80
"""``first_mb_in_slice`` is 0 (H.264), ``first_slice_segment_in_pic_flag`` is set (H.265): the same bit."""
MOST_PARTS = 64
"""Slices of a picture; of more, each is handed on by itself."""


class PictureJoiner:
    """Of one connection.

    The first key frame of it is held until the packet behind it tells whether it was the whole picture. Where it was
    not, all key frames are, which costs the time from one picture to the next.

    Args:
        codec: in FFmpeg's words.
    """

    def __init__(self, codec: str) -> None:
        self._slice_of = _SLICES.get(codec)
        self._holds_key_frames = self._slice_of is not None
        self._has_joined = False
        self._parts: list[Any] = []

    def joined(self, packets: Iterator[Any]) -> Iterator[Any]:
        """Return PyAV's packets of a live video, each with a whole picture.

        Where reading fails, the next call goes on with what was held.
        """
        if self._slice_of is None:
            return packets
        return self._joined(packets)

    def _joined(self, packets: Iterator[Any]) -> Iterator[Any]:
        for packet in packets:
            if self._parts:
                if self._goes_on(packet):
                    self._parts.append(packet)
                    self._has_joined = True
                    continue
                self._holds_key_frames = self._has_joined
                yield self._taken()
            if self._holds_key_frames and packet.size and packet.is_keyframe:
                self._parts = [packet]
            else:
                yield packet
        if self._parts:
            yield self._taken()

    def _goes_on(self, packet: Any) -> bool:
        """Say whether a packet continues the picture that is held."""
        times = {part.pts for part in (*self._parts, packet)} - {None}  # of the first picture, some have none
        if len(times) > 1 or len(self._parts) >= MOST_PARTS or not packet.size:
            return False
        return self._rest(bytes(packet)) is not None

    def _taken(self) -> Any:
        """Return the picture that was held, and hold it no more."""
        first, *others = self._parts
        self._parts = []
        if not others:
            return first
        rests = (self._rest(bytes(other)) or b"" for other in others)
        whole = av.Packet(b"".join((bytes(first), *rests)))
        timed = next((part for part in (first, *others) if part.pts is not None), first)
        whole.time_base, whole.pts, whole.dts, whole.duration = timed.time_base, timed.pts, timed.dts, timed.duration
        whole.is_keyframe = True
        whole.is_corrupt = any(part.is_corrupt for part in (first, *others))
        return whole

    def _rest(self, data: bytes) -> bytes | None:
        """Return a packet from its first slice on; ``None`` where that begins a picture, or there is none."""
        assert self._slice_of is not None
        place = data.find(_CODE)
        while place >= 0:
            first_bits_at = self._slice_of(data, place + len(_CODE))
            if first_bits_at is not None:
                is_first = first_bits_at >= len(data) or bool(data[first_bits_at] & _FIRST_OF_PICTURE)
                return None if is_first else b"\0" + data[place:]
            place = data.find(_CODE, place + len(_CODE))
        return None


def _h264_slice(data: bytes, at: int) -> int | None:
    """Return where the header of a slice begins; ``None`` where the unit at a place is none."""
    return at + 1 if at < len(data) and 1 <= data[at] & 0x1F <= 5 else None


def _hevc_slice(data: bytes, at: int) -> int | None:
    return at + 2 if at < len(data) and data[at] >> 1 & 0x3F < 32 else None


_SLICES: dict[str, Callable[[bytes, int], int | None]] = {"h264": _h264_slice, "hevc": _hevc_slice}
