"""Finds the JPEG pictures in a stream of bytes by their own structure (ITU-T T.81, annex B), as browsers do.

The measured problem: boundaries, part headers and lengths of multipart streams are wrong in every second camera (no
boundary before the first picture, one that is not the announced one, lengths that are off by some bytes, rubbish behind
a picture), and whoever trusts them gets no picture. The JPEG itself says where it begins and ends.
"""

from __future__ import annotations

import re

MAX_PICTURE_BYTES = 32 << 20
_BEGIN = b"\xff\xd8\xff"
_END = 0xD9
_SCAN = 0xDA
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
_MARKER_IN_SCAN = re.compile(rb"\xff+[^\x00\x01\xd0-\xd7\xff]")
"""In the coded data 0xFF is followed by 0, or by a restart marker."""


class JpegStream:
    """Takes bytes as they come and gives whole pictures."""

    def __init__(self) -> None:
        self.bytes_in = 0
        self.lost = 0
        """Pictures that were damaged, or longer than :data:`MAX_PICTURE_BYTES`."""
        self._held = bytearray()
        self._begun = False
        self._at = 0
        self._in_scan = False
        self._scanned = False

    @property
    def begun(self) -> bool:
        """Whether a picture has begun and not yet ended."""
        return self._begun

    def feed(self, data: bytes) -> list[bytes]:
        """Return the pictures that are complete with these bytes."""
        self.bytes_in += len(data)
        self._held += data
        pictures: list[bytes] = []
        while (found := self._next()) is not None:
            if found:
                pictures.append(found)
        if len(self._held) > MAX_PICTURE_BYTES:
            self.lost += 1
            self._restart(len(self._held))
        return pictures

    def finish(self) -> list[bytes]:
        """Return the last picture where the stream ended in it, but for its end marker."""
        rest = bytes(self._held) if self._begun and self._scanned else b""
        self._restart(len(self._held))
        return [rest] if rest else []

    def _next(self) -> bytes | None:
        """Return the next picture, nothing where one turned out to be none, ``None`` where more bytes are needed."""
        if not self._begun and not self._find_begin():
            return None
        while True:
            if self._in_scan and not self._skip_scan():
                return None
            marker = self._marker()
            if marker is None:
                return None
            if marker == _END:
                return self._cut(self._at + 2)
            if marker == 0xD8:  # the picture before had no end
                if self._scanned:
                    return self._cut(self._at)
                self.lost += 1
                return self._restart(self._at)
            if marker < 0:
                self.lost += 1
                return self._restart(self._at)
            if not self._skip_segment(marker):
                return None

    def _find_begin(self) -> bool:
        begin = self._held.find(_BEGIN)
        if begin < 0:
            del self._held[: max(len(self._held) - 2, 0)]
            return False
        del self._held[:begin]
        self._begun, self._at = True, 2
        return True

    def _skip_scan(self) -> bool:
        found = _MARKER_IN_SCAN.search(self._held, self._at)
        if found is None:
            self._at = len(self._held)
            while self._held[self._at - 1] == 0xFF:  # it may be the beginning of a marker
                self._at -= 1
            return False
        self._at = found.end() - 2
        self._in_scan = False
        return True

    def _marker(self) -> int | None:
        """Return the marker at the present place, -1 where there is none, ``None`` where more bytes are needed."""
        while len(self._held) - self._at >= 2:
            if self._held[self._at] != 0xFF:
                return -1
            if self._held[self._at + 1] != 0xFF:
                return self._held[self._at + 1]
            self._at += 1
        return None

    def _skip_segment(self, marker: int) -> bool:
        if marker in _WITHOUT_LENGTH:
            self._at += 2
            return True
        if len(self._held) - self._at < 4:
            return False
        end = self._at + 2 + int.from_bytes(self._held[self._at + 2 : self._at + 4], "big")
        if end > len(self._held):
            return False
        self._at = end
        if marker == _SCAN:
            self._in_scan = self._scanned = True
        return True

    def _cut(self, end: int) -> bytes:
        picture = bytes(self._held[:end])
        self._restart(end)
        return picture

    def _restart(self, drop: int) -> bytes:
        del self._held[:drop]
        self._begun = self._in_scan = self._scanned = False
        self._at = 0
        return b""
