"""Where the ``freeGPS`` blocks of a file lie: by its index (``moov/gps ``), or by a search of the media data.

A block is a box: size (big-endian), ``free``, ``GPS ``, length of the payload (little-endian), payload.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from streamvision.gps.boxes import find_box, movie_header, read_at, read_box, size_of
from streamvision.gps.sample_tables import read_tracks

BLOCK_BYTES = 4096
"""Bytes of a block that are read. The longest layout, a ring of 30 records, has 1608."""
MAX_BLOCKS = 100_000
"""Most blocks of a file; a day of one a second has 86,400."""
SILENCE_BYTES = 32 << 20
"""Where the search gives up: as many bytes without a block. Cameras write one a second, the first within 20 MB."""
MAX_SEARCHED_BYTES = 8 << 30
"""Most bytes that are searched; cards split their files at 4 GB."""
PIECE_BYTES = 1 << 20
BLOCK_PERIOD_S = 1.0
"""Blocks of an index follow on each other at the rate of the receiver."""
_MARK = b"freeGPS "


@dataclass(frozen=True, slots=True)
class Block:
    """One block."""

    start: int
    """Its first byte in the file."""
    content: bytes
    """Its first bytes, from the size on; at most :data:`BLOCK_BYTES`."""


def indexed_blocks(file: BinaryIO) -> list[Block | None]:
    """Return the blocks that the index names, in its order; ``None`` where it leads to no block."""
    index = find_box(file, b"moov", b"gps ")
    if index is None:
        return []
    table = read_box(file, index, limit=8 + 8 * MAX_BLOCKS)
    count = min(int.from_bytes(table[4:8], "big"), max(len(table) - 8, 0) // 8)
    entries = np.frombuffer(table, dtype=">u4", count=2 * count, offset=8 if count else 0).reshape(count, 2)
    return [_block_at(file, start, size) for start, size in entries.tolist()]


def found_blocks(file: BinaryIO) -> Iterator[Block]:
    """Yield the blocks that a search of the media data finds, for files without an index."""
    position, last, free_from, end = 0, 0, 0, min(size_of(file), MAX_SEARCHED_BYTES)
    while position < end and position - last < SILENCE_BYTES:
        piece = read_at(file, position, PIECE_BYTES)
        for place in _marks(piece):
            last, size = position + place, int.from_bytes(piece[place : place + 4], "big")
            if last >= free_from and (block := _block_at(file, last, size)) is not None:
                free_from = last + size
                yield block
        position += max(len(piece) - 11, 1)  # a mark may begin in one piece and end in the next


def _marks(piece: bytes) -> Iterator[int]:
    """Yield where blocks of less than 16 MiB may begin."""
    place = piece.find(_MARK, 4)
    while place >= 0:
        if piece[place - 4] == 0:
            yield place - 4
        place = piece.find(_MARK, place + len(_MARK))


def media_times(file: BinaryIO, starts: list[int | None]) -> list[float | None]:
    """Return the time in the video at which each block was written, in seconds.

    Blocks that lie among the pictures were written after those before them. Where they lie elsewhere, their number
    tells: cameras write one a second, or several at equal intervals.

    Args:
        file: the file.
        starts: where each block lies; ``None`` where there is none at its place in the index.
    """
    pictures = next((track for track in read_tracks(file) if track.handler == b"vide"), None)
    samples = [] if pictures is None else pictures.samples(file)
    places = np.array([sample.start for sample in samples])
    known = [start for start in starts if start is not None]
    before = np.searchsorted(places, known).tolist() if len(places) and (np.diff(places) > 0).all() else []
    if 2 * len(set(before)) <= max(len(known), 2):
        period_s = _period_s(file, starts)
        return [number * period_s for number in range(len(starts))]
    ends = [*(sample.media_s for sample in samples), samples[-1].media_s + samples[-1].duration_s]
    times = iter(ends[number] for number in before)
    return [None if start is None else next(times) for start in starts]


def _period_s(file: BinaryIO, starts: list[int | None]) -> float:
    """Return the time between blocks: a second, or less where so many would not fit into the video."""
    count = 1 + max((number for number, start in enumerate(starts) if start is not None), default=0)
    header = movie_header(file)
    duration_s = None if header is None else header.duration_s
    is_faster = duration_s is not None and count > 1.5 * duration_s + 2
    return duration_s / count if duration_s is not None and is_faster else BLOCK_PERIOD_S


def _block_at(file: BinaryIO, start: int, size: int) -> Block | None:
    content = read_at(file, start, min(size, BLOCK_BYTES))
    return Block(start, content) if content[4:12] == _MARK else None
