"""Access units as fragmented MP4 (ISO/IEC 14496-12): a header, and a fragment from each key frame to the next.

HLS, Media Source Extensions and players take both, and need nothing but the header to begin with any fragment.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction

import av
from av.video.stream import VideoStream

from pipelines.encoding.h264 import TICKS_PER_S, AccessUnit

_TIME_BASE = Fraction(1, TICKS_PER_S)
# Without "skip_trailer" FFmpeg keeps a note of every fragment for an index at the end, which never comes.
_OPTIONS = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof+skip_trailer",
    "use_editlist": "0",
    "video_track_timescale": str(TICKS_PER_S),
    "flush_packets": "1",
}
_SEQUENCE_PARAMETERS = 7
"""NAL unit type (ITU-T H.264, table 7-1)."""


@dataclass(frozen=True)
class Fragment:
    """What is seen from a key frame to the next."""

    data: bytes
    """The boxes ``moof`` and ``mdat``."""
    duration_s: float
    """How long it is seen."""
    time_unix_s: float
    """When its first picture was captured, seconds since 1970."""

    def __repr__(self) -> str:
        return f"Fragment({len(self.data)} bytes, {self.duration_s:.3f} s)"


class Fragmenter:
    """Takes the access units of one generation, in order, from one thread.

    Args:
        first: the first of them, a key frame; it is to be added like all others.
    """

    def __init__(self, first: AccessUnit) -> None:
        self.codecs = codecs_of(first.data)
        """Profile and level as RFC 6381 writes them, such as ``avc1.64001f``."""
        self._written = _Written()
        self._container = av.open(self._written, "w", format="mp4", options=_OPTIONS)
        with av.open(io.BytesIO(first.data), format="h264") as described:
            stream = self._container.add_stream_from_template(described.streams.video[0])
        assert isinstance(stream, VideoStream)
        stream.time_base = _TIME_BASE
        self._stream = stream
        self._container.start_encoding()
        self.header = self._written.taken()
        """The boxes ``ftyp`` and ``moov``."""
        self._begin = first
        self._newest: AccessUnit | None = None
        self._step = TICKS_PER_S // 25  # how long the last picture is seen, until another step is known

    def add(self, unit: AccessUnit) -> Fragment | None:
        """Take one more; return the fragment that ends with it, if one does."""
        if self._newest is not None:
            self._step = unit.tick - self._newest.tick
        ends = unit.is_key and self._newest is not None
        self._newest = unit
        self._mux(unit)
        if not ends:
            return None
        fragment = self._fragment(unit.tick)
        self._begin = unit
        return fragment

    def finish(self) -> Fragment | None:
        """Return what was begun; nothing may be added after that."""
        if self._newest is None:
            return None
        self._container.close()
        return self._fragment(self._newest.tick + self._step)

    def _mux(self, unit: AccessUnit) -> None:
        packet = av.Packet(unit.data)
        packet.stream, packet.time_base = self._stream, _TIME_BASE
        packet.pts = packet.dts = unit.tick
        packet.is_keyframe = unit.is_key
        self._container.mux_one(packet)

    def _fragment(self, end_tick: int) -> Fragment:
        duration_s = (end_tick - self._begin.tick) / TICKS_PER_S
        return Fragment(self._written.taken(), duration_s, self._begin.time_unix_s)


class _Written:
    """A file without end, for FFmpeg, of which nothing is kept but what nobody has taken yet."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Take what is written next."""
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """Return what was written since this was last asked for."""
        data, self._pieces = b"".join(self._pieces), []
        return data


def codecs_of(data: bytes) -> str:
    """Return profile and level of a key frame as RFC 6381 writes them.

    >>> codecs_of(bytes.fromhex("00000001 6764001e acb4"))
    'avc1.64001e'
    """
    place = data.find(b"\0\0\1")
    while place >= 0:
        if data[place + 3] & 31 == _SEQUENCE_PARAMETERS:
            return f"avc1.{data[place + 4 : place + 7].hex()}"
        place = data.find(b"\0\0\1", place + 3)
    raise ValueError("there are no sequence parameters before this access unit")
