"""A fragmented MP4 (ISO/IEC 14496-12) that is handed on in pieces while it is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet

_OPTIONS = {
    # With the last of these a track may begin later than another one, or pause.
    "movflags": "frag_keyframe+empty_moov+default_base_moof+frag_discont",
    "video_track_timescale": "90000",
}


class PiecesFile:
    """What FFmpeg writes, until it is taken.

    Args:
        form: ``mp4``, or ``mov`` for codecs that MP4 does not take.
    """

    def __init__(self, form: str) -> None:
        self._written = bytearray()
        self.container: OutputContainer = av.open(self, "w", format=form, options=_OPTIONS)

    def write(self, data: Any) -> int:
        """Take what FFmpeg writes."""
        self._written += data
        return len(data)

    def begin(self) -> None:
        """Write the head, when all tracks are added, and tell each that its times begin at 0."""
        self.container.start_encoding()
        for stream in self.container.streams:
            start = Packet(0)
            assert stream.time_base is not None
            start.stream, start.time_base, start.pts, start.dts = stream, stream.time_base, 0, 0
            self.container.mux(start)

    def take(self) -> Iterator[bytes]:
        """Yield what was written since, if anything was."""
        if self._written:
            piece = bytes(self._written)
            self._written.clear()
            yield piece

    def close(self) -> None:
        """Write the end, where it was begun."""
        self.container.close()


def takes(form: str, codec: str) -> bool:
    """Return whether a form of file, ``mp4`` or ``mov``, holds a codec."""
    return codec in av.open(_Nowhere(), "w", format=form).supported_codecs


class _Nowhere:
    def write(self, data: Any) -> int:
        return len(data)
