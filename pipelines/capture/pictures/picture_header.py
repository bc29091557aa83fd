"""The size of a picture from the first bytes of its file, before memory is given to what may be a bomb."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

MAX_BLOCKS = 4096
"""Most blocks of a file that are gone through on the way to what says the size."""

_PNM = re.compile(rb"P[1-6](?:\s+|#[^\n]*\n)+(\d{1,9})(?:\s+|#[^\n]*\n)+(\d{1,9})\s")
_NO_FRAME = frozenset({0xC4, 0xC8, 0xCC})
"""JPEG markers among those of frames that begin none: Huffman tables, an extension, arithmetic coding (T.81, B.1)."""


class PictureHeader(NamedTuple):
    """What a picture file says about itself."""

    width_px: int
    height_px: int
    animated: bool = False
    """Whether it says that it has several pictures to be shown one after another (WebP, PNG)."""


def read_header(path: Path) -> PictureHeader | None:
    """Return the header of a PNG, JPEG, WebP, BMP, TIFF or PNM file; ``None`` where it has none that is known."""
    try:
        with path.open("rb") as file:
            return header_in(file)
    except OSError:
        return None


def header_in(file: BinaryIO) -> PictureHeader | None:
    """Return the header of an open file, as :func:`read_header` does."""
    try:
        begin = file.read(512)
        reader = next((read for mark, read in _READERS if begin.startswith(mark)), None)
        return reader(begin, file) if reader is not None else None
    except (OSError, struct.error, IndexError):
        return None


def _png(begin: bytes, file: BinaryIO) -> PictureHeader:
    width, height = struct.unpack_from(">II", begin, 16)
    position = 8
    for _ in range(MAX_BLOCKS):  # the control chunk of an animation stands before the pixels
        file.seek(position)
        length, name = struct.unpack(">I4s", file.read(8))
        if name in (b"acTL", b"IDAT"):
            return PictureHeader(width, height, name == b"acTL")
        position += 12 + length
    return PictureHeader(width, height)


def _jpeg(_begin: bytes, file: BinaryIO) -> PictureHeader | None:
    position = 2
    for _ in range(MAX_BLOCKS):
        file.seek(position)
        block = file.read(9)
        if block[0] != 0xFF:
            return None
        if block[1] == 0xFF:  # a byte of filling
            position += 1
        elif 0xC0 <= block[1] <= 0xCF and block[1] not in _NO_FRAME:
            height, width = struct.unpack_from(">HH", block, 5)
            return PictureHeader(width, height)
        else:
            position += 2 + int(struct.unpack_from(">H", block, 2)[0])
    return None


def _webp(begin: bytes, _file: BinaryIO) -> PictureHeader | None:
    kind = begin[12:16]
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(begin[at : at + 3], "little") for at in (24, 27))
        return PictureHeader(width, height, bool(begin[20] & 2))
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", begin, 26)
        return PictureHeader(width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", begin, 21)
        return PictureHeader(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    return None


def _bmp(begin: bytes, _file: BinaryIO) -> PictureHeader:
    is_core = begin[14] == 12
    width, height = struct.unpack_from("<HH" if is_core else "<ii", begin, 18)
    return PictureHeader(abs(width), abs(height))


def _tiff(begin: bytes, file: BinaryIO) -> PictureHeader | None:
    order = "<" if begin[:1] == b"I" else ">"
    file.seek(struct.unpack_from(f"{order}I", begin, 4)[0])
    (entries,) = struct.unpack(f"{order}H", file.read(2))
    sides: dict[int, int] = {}
    for _ in range(min(entries, MAX_BLOCKS)):
        entry = file.read(12)
        tag, kind = struct.unpack_from(f"{order}HH", entry)
        if tag in (256, 257):
            (sides[tag],) = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", entry, 8)
    return PictureHeader(sides[256], sides[257]) if len(sides) == 2 else None


def _pnm(begin: bytes, _file: BinaryIO) -> PictureHeader | None:
    found = _PNM.match(begin)
    return PictureHeader(int(found[1]), int(found[2])) if found else None


_READERS: tuple[tuple[bytes, Callable[[bytes, BinaryIO], PictureHeader | None]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8\xff", _jpeg),
    (b"RIFF", _webp),
    (b"BM", _bmp),
    (b"II*\0", _tiff),
    (b"MM\0*", _tiff),
    (b"P", _pnm),
)
