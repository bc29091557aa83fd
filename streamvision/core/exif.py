"""The orientation that a photograph's EXIF data say (EXIF 2.3, tag 0x0112), found in its file, and what undoes it.

One reading of it for all: OpenCV turns no WebP, FFmpeg no mirror images, Pillow what other metadata say, too.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

MAX_BLOCKS = 4096
"""Most blocks of a file that are gone through."""
_TAG = 0x0112
_SHORT = 3
_BEGIN = b"Exif\0\0"
_JPEG_PIXELS = frozenset({0xDA, 0xD9})
"""The markers of a JPEG's pixels and of its end, behind which nothing is said."""


class Turn(NamedTuple):
    """One of the eight ways to turn and mirror a picture."""

    transposed: bool = False
    """Whether rows become columns."""
    flip: int | None = None
    """Then mirrored, as :func:`cv2.flip` counts: 1 left to right, 0 upside down, -1 both."""

    def applied(self, plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return (H, W) or (H, W, C) pixels so turned; the same where nothing is to be done."""
        turned: Any = cv2.transpose(plane) if self.transposed else plane
        return turned if self.flip is None else cv2.flip(turned, self.flip)  # type: ignore[no-any-return]


TURNS = {
    **{1: Turn(), 2: Turn(flip=1), 3: Turn(flip=-1), 4: Turn(flip=0)},
    **{5: Turn(True), 6: Turn(True, 1), 7: Turn(True, -1), 8: Turn(True, 0)},
}
"""What makes a picture upright, by its orientation."""


def orientation_of(content: bytes | memoryview) -> int:
    """Return the orientation of a picture file's content, as :func:`orientation_in`."""
    return orientation_in(io.BytesIO(content))


def orientation_in(file: BinaryIO) -> int:
    """Return the orientation of an open JPEG, PNG, WebP or TIFF file, 1 (upright) to 8; 1 where it says none."""
    try:
        file.seek(0)
        begin = file.read(12)
        found = next((read for mark, read in _READERS if begin.startswith(mark)), None)
        orientation = None if found is None else found(file)
    except (OSError, struct.error):
        return 1
    return orientation if orientation in TURNS else 1


def _jpeg(file: BinaryIO) -> int | None:
    position = 2
    for _ in range(MAX_BLOCKS):
        file.seek(position)
        mark, kind, length = struct.unpack(">BBH", file.read(4))
        if mark != 0xFF or kind in _JPEG_PIXELS:
            return None
        if kind == 0xFF:  # a byte of filling
            position += 1
            continue
        if kind == 0xE1 and file.read(len(_BEGIN)) == _BEGIN:
            return _tiff(file)
        position += 2 + length
    return None


def _png(file: BinaryIO) -> int | None:
    position = 8
    for _ in range(MAX_BLOCKS):
        file.seek(position)
        length, name = struct.unpack(">I4s", file.read(8))
        if name == b"eXIf":
            return _tiff(file)
        position += 12 + length
    return None


def _webp(file: BinaryIO) -> int | None:
    position = 12
    for _ in range(MAX_BLOCKS):
        file.seek(position)
        name, length = struct.unpack("<4sI", file.read(8))
        if name == b"EXIF":
            start = file.tell()
            file.seek(start if file.read(len(_BEGIN)) != _BEGIN else start + len(_BEGIN))
            return _tiff(file)
        position += 8 + length + length % 2
    return None


def _whole_tiff(file: BinaryIO) -> int | None:
    file.seek(0)
    return _tiff(file)


def _tiff(file: BinaryIO) -> int | None:
    """Return the orientation of the first directory of a TIFF that begins where the file stands."""
    start = file.tell()
    order = {b"II": "<", b"MM": ">"}.get(file.read(2))
    if order is None:
        return None
    _, offset = struct.unpack(f"{order}HI", file.read(6))
    file.seek(start + offset)
    (entries,) = struct.unpack(f"{order}H", file.read(2))
    for _ in range(min(entries, MAX_BLOCKS)):
        tag, kind, _, value = struct.unpack(f"{order}HHIH2x", file.read(12))
        if tag == _TAG:
            return int(value) if kind == _SHORT else None
    return None


_READERS: tuple[tuple[bytes, Callable[[BinaryIO], int | None]], ...] = (
    (b"\xff\xd8\xff", _jpeg),
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"RIFF", _webp),
    (b"II*\0", _whole_tiff),
    (b"MM\0*", _whole_tiff),
)
