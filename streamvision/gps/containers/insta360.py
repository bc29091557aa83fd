"""Insta360: records of a trailer behind the movie, read from its end to its beginning.

Source: what ``exiftool -ee`` (https://exiftool.org) reports of it. Each record is followed by its number and length;
record 0x700 holds rows of 53 bytes with clock, place, speed, course and altitude.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from streamvision.core.position import Fix
from streamvision.gps.boxes import read_at, size_of
from streamvision.gps.containers.format import Readings
from streamvision.gps.values import made_fix

MAX_RECORDS = 1000
MAX_RECORD_BYTES = 64 << 20
_MARK = b"8db42d694ccc418790edff439fe026bf"
_END_BYTES = 78
_GPS = 0x700
_ROW = struct.Struct("<IIHcdcdcddd")


def read(file: BinaryIO) -> Readings | None:
    """Return the fixes of an Insta360's video; ``None`` where it is none."""
    end = size_of(file)
    tail = read_at(file, max(end - _END_BYTES, 0), _END_BYTES)
    if len(tail) < _END_BYTES or not tail.endswith(_MARK):
        return None
    first = end - int.from_bytes(tail[38:42], "little")
    return Readings(
        tuple(fix for rows in _gps_records(file, end - _END_BYTES, first, tail[:6]) for fix in _fixes(rows))
    )


def _gps_records(file: BinaryIO, place: int, first: int, head: bytes) -> Iterator[bytes]:
    for _ in range(MAX_RECORDS):
        number, size = struct.unpack("<HI", head)
        place -= size
        if place < max(first, 0):
            return
        if number == _GPS:
            yield read_at(file, place, min(size, MAX_RECORD_BYTES))
        place -= len(head)
        if place < max(first, 0):
            return
        head = read_at(file, place, 6)


def _fixes(rows: bytes) -> Iterator[Fix]:
    for row in _ROW.iter_unpack(rows[: len(rows) // _ROW.size * _ROW.size]):
        unix_s, *_, status, latitude, north, longitude, east, m_s, course_deg, altitude_m = row
        if status != b"A" or north not in (b"N", b"S") or east not in (b"E", b"W", b"O"):
            continue
        fix = made_fix(
            -abs(latitude) if north == b"S" else latitude,
            -abs(longitude) if east != b"E" else longitude,
            unix_s=unix_s,
            speed_m_s=m_s,
            course_deg=course_deg,
            altitude_m=altitude_m,
        )
        if fix is not None:
            yield fix
