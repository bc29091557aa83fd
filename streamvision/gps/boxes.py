"""Boxes of ISO base media files (MP4, MOV; ISO/IEC 14496-12), whatever state the file is in.

A box may be cut by the end of the file or promise more than there is; it ends then where its parent or the file does.
Nothing here reads the content of a box but :func:`read_box`, which has a bound.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from streamvision.core.reading import UnreadableError, open_ordinary

MAX_BOXES = 50_000
"""Most boxes that are looked at in one parent. Seven hours in fragments of a second have as many."""
MAX_BOX_BYTES = 64 << 20
"""Most bytes of one box that are read."""
UNIX_MINUS_MP4_S = 2_082_844_800
"""Seconds from 1904, where the clock of these files begins, to 1970."""


@dataclass(frozen=True, slots=True)
class Box:
    """Where a box lies in its file; all numbers are bytes from the file's first one."""

    kind: bytes
    """Its four letters, such as ``b"moov"``."""
    start: int
    """First byte of its header."""
    body: int
    """First byte of its content."""
    end: int
    """Past its last byte, as far as its parent and the file go."""
    promised_end: int
    """Past its last byte, by its header; beyond ``end`` where the file is cut. Equal to ``end`` where it says 0 (to the
    end of the file)."""

    @property
    def is_cut(self) -> bool:
        """Whether a part of it is missing."""
        return self.promised_end > self.end


def walk_boxes(file: BinaryIO, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yield the boxes that follow on each other, until the end, or a header that can be none.

    Args:
        file: a file that can seek; its place is changed.
        start: first byte of the first box.
        end: past the last byte of the last one; ``None``: the end of the file.
    """
    limit = size_of(file) if end is None else min(end, size_of(file))
    for _ in range(MAX_BOXES):
        box = _box_at(file, start, limit)
        if box is None:
            return
        yield box
        start = box.end


def children(file: BinaryIO, box: Box, *, skip: int = 0) -> Iterator[Box]:
    """Yield the boxes in a box, behind the first ``skip`` bytes of its content."""
    return walk_boxes(file, box.body + skip, box.end)


def find_boxes(file: BinaryIO, *path: bytes, within: Box | None = None) -> Iterator[Box]:
    """Yield all boxes that a path of names leads to, such as ``(b"moov", b"trak")``.

    :data:`MAX_BOXES` are looked at on the way, those of all parents together.

    Args:
        file: the file.
        path: names from the outermost box to the innermost.
        within: where the path begins; ``None``: the file.
    """
    yield from _led_to(file, path, within, iter(range(MAX_BOXES)))


def find_box(file: BinaryIO, *path: bytes, within: Box | None = None) -> Box | None:
    """Return the first box that a path of names leads to; ``None`` where there is none."""
    return next(find_boxes(file, *path, within=within), None)


def read_box(file: BinaryIO, box: Box, *, limit: int = MAX_BOX_BYTES) -> bytes:
    """Return the content of a box: as much as there is of it, and at most ``limit`` bytes."""
    return read_at(file, box.body, min(box.end - box.body, limit))


def read_at(file: BinaryIO, start: int, size: int) -> bytes:
    """Return up to ``size`` bytes of a file from ``start`` on; fewer where it ends before."""
    file.seek(start)
    return file.read(max(min(size, size_of(file) - start), 0))


def size_of(file: BinaryIO) -> int:
    """Return how many bytes a file has."""
    try:
        return os.fstat(file.fileno()).st_size
    except OSError:  # a file in memory
        place = file.tell()
        size = file.seek(0, os.SEEK_END)
        file.seek(place)
        return size


@dataclass(frozen=True, slots=True)
class MovieHeader:
    """What ``moov/mvhd`` says."""

    duration_s: float | None
    """How long the movie plays; ``None`` where it does not say."""
    created_unix_s: float | None
    """When it was made, in seconds since 1970, as if its clock were UTC (many cameras write their local time, and the
    beginning or the end); ``None`` where it does not say."""


def movie_header(file: BinaryIO) -> MovieHeader | None:
    """Return what the header of a movie says; ``None`` where there is none, as in a clip that was cut off."""
    box = find_box(file, b"moov", b"mvhd")
    content = b"" if box is None else read_box(file, box, limit=32)
    is_long = content[:1] == b"\x01"
    if len(content) < (32 if is_long else 20):
        return None
    created_s = int.from_bytes(content[4:12] if is_long else content[4:8], "big")
    timescale = int.from_bytes(content[20:24] if is_long else content[12:16], "big")
    duration_bytes = content[24:32] if is_long else content[16:20]
    duration = int.from_bytes(duration_bytes, "big")
    says_duration = bool(timescale and duration) and duration_bytes != b"\xff" * len(duration_bytes)
    says_created = UNIX_MINUS_MP4_S < created_s < UNIX_MINUS_MP4_S + (1 << 33)
    return MovieHeader(
        duration_s=duration / timescale if says_duration else None,
        created_unix_s=float(created_s - UNIX_MINUS_MP4_S) if says_created and created_s != 0xFFFFFFFF else None,
    )


def read_movie_header(path: Path) -> MovieHeader | None:
    """Return what the header of a video file says; ``None`` where it says nothing or cannot be read."""
    try:
        with open_ordinary(path) as file:
            return movie_header(file)
    except (UnreadableError, OSError):
        return None


def _led_to(file: BinaryIO, path: Sequence[bytes], within: Box | None, left: Iterator[int]) -> Iterator[Box]:
    for box, _ in zip(walk_boxes(file) if within is None else children(file, within), left, strict=False):
        if box.kind == path[0]:
            yield from _led_to(file, path[1:], box, left) if path[1:] else (box,)


def _box_at(file: BinaryIO, start: int, limit: int) -> Box | None:
    file.seek(start)
    header = file.read(max(min(16, limit - start), 0))
    if len(header) < 8:
        return None
    size, kind, body = int.from_bytes(header[:4], "big"), header[4:8], start + 8
    if size == 1 and len(header) == 16:
        size, body = int.from_bytes(header[8:16], "big"), start + 16
    elif size == 0:
        size = limit - start
    if size < body - start or kind == b"\0\0\0\0":
        return None
    return Box(kind=kind, start=start, body=body, end=min(start + size, limit), promised_end=start + size)
