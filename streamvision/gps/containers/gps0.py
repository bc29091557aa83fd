"""The box ``gps0``: records of DuDuBell M1, VSYS M6L; lines of Lamax S9; and behind the movie those of Auto-Vox.

Source: what ``exiftool -ee`` (https://exiftool.org) reports of them. Numbers are little-endian, angles ``DDDMM.MMMM``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from streamvision.core.position import Fix
from streamvision.gps.boxes import Box, children, find_box, read_at, read_box, size_of, walk_boxes
from streamvision.gps.containers.format import Readings
from streamvision.gps.containers.turned_text import turned_line
from streamvision.gps.nmea import KNOT_M_S, degrees
from streamvision.gps.values import KMH_M_S, made_fix, utc_unix_s

MAX_CHUNKS = 64
"""Most chunks behind the movie that are looked at."""
MAX_CHUNK_BYTES = 16 << 20
_RECORD = struct.Struct("<ddiH7B3x")
_LINE_BYTES = 311
_AUTO_VOX = struct.Struct("<4sdd4xH9BxI")
_TRAILING = {b"gpsa", b"gps0", b"gsen", b"gsea"}


def read(file: BinaryIO) -> Readings | None:
    """Return the fixes of a ``gps0`` box; ``None`` where there is none."""
    box = _box(file)
    fixes = list(_auto_vox(file)) if box is None else _records(read_box(file, box))
    return Readings(tuple(fixes), may_be_local=True) if fixes else None


def _box(file: BinaryIO) -> Box | None:
    movie = find_box(file, b"moov")
    boxes = [*walk_boxes(file), *(children(file, movie) if movie else ())]
    return next((box for box in boxes if box.kind == b"gps0" and not box.is_cut), None)


def _records(content: bytes) -> list[Fix]:
    if content[2:8] == b"\xf2\xe1\xf0\xeeTT":
        lines = (content[start : start + _LINE_BYTES] for start in range(0, len(content), _LINE_BYTES))
        fixes = [turned_line(line) for line in lines]
    else:
        fixes = [_fix(*record) for record in _RECORD.iter_unpack(content[: len(content) // 32 * 32])]
    return [fix for fix in fixes if fix is not None]


def _fix(latitude: float, longitude: float, metres: int, kmh: int, *moment: int) -> Fix | None:
    year, month, day, hour, minute, second, half_course = moment
    if not (abs(latitude) <= 9000 and abs(longitude) <= 18000):
        return None
    return made_fix(
        degrees(latitude),
        degrees(longitude),
        unix_s=utc_unix_s(year, month, day, hour, minute, second),
        altitude_m=metres,
        speed_m_s=kmh * KMH_M_S,
        course_deg=half_course * 2,
    )


def _auto_vox(file: BinaryIO) -> Iterator[Fix]:
    """Yield the fixes of the chunks, as those of RIFF, that Auto-Vox writes where the next box should be."""
    start = _trailer(file)
    for _ in range(MAX_CHUNKS):
        head = b"" if start is None else read_at(file, start, 8)
        if start is None or len(head) < 8 or not head[:4].isalnum():
            return
        size = int.from_bytes(head[4:], "little")
        if head[:4] == b"gps0":
            content = read_at(file, start + 8, min(size, MAX_CHUNK_BYTES))
            yield from _auto_vox_fixes(content)
        start += 8 + size


def _trailer(file: BinaryIO) -> int | None:
    """Return where the chunks begin; as a box, the first would be of more than a gigabyte."""
    end = size_of(file)
    for box in walk_boxes(file):
        head = read_at(file, box.start, 4)
        if head in _TRAILING:
            return box.start
        end = box.end
    return end if read_at(file, end, 4) in _TRAILING else None


def _auto_vox_fixes(content: bytes) -> Iterator[Fix]:
    for record in _AUTO_VOX.iter_unpack(content[: len(content) // _AUTO_VOX.size * _AUTO_VOX.size]):
        mark, latitude, longitude, knots, year, month, day, hour, minute, second, half_course, north, east, ms = record
        if mark != b"AITG" or not (abs(latitude) <= 9000 and abs(longitude) <= 18000):
            return
        fix = made_fix(
            degrees(latitude) * (-1 if north == 2 else 1),
            degrees(longitude) * (-1 if east == 2 else 1),
            unix_s=utc_unix_s(1900 + year, month, day, hour, minute, second),
            speed_m_s=knots * KNOT_M_S,
            course_deg=half_course * 2,
            media_s=ms / 1000,
        )
        if fix is not None:
            yield fix
