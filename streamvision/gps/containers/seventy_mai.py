"""70mai Pro: records in a box ``GPS `` of the file.

Source: what ``exiftool -ee`` (https://exiftool.org) reports of it: 36 bytes little-endian with the second of the video,
the speed in m/h, and degrees and minutes times 1000 behind a letter each. There is no clock.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from streamvision.core.position import Fix
from streamvision.gps.boxes import find_box, read_box
from streamvision.gps.containers.format import Readings
from streamvision.gps.nmea import degrees
from streamvision.gps.values import KMH_M_S, made_fix

_RECORD = struct.Struct("<8xIIcIcI10x")


def read(file: BinaryIO) -> Readings | None:
    """Return the fixes of a 70mai Pro's video; ``None`` where it is none."""
    box = find_box(file, b"GPS ")
    if box is None:
        return None
    content = read_box(file, box)
    fixes = [_fix(record) for record in _RECORD.iter_unpack(content[: len(content) // _RECORD.size * _RECORD.size])]
    return Readings(tuple(fix for fix in fixes if fix is not None))


def _fix(record: tuple[int, int, bytes, int, bytes, int]) -> Fix | None:
    second, m_h, north, latitude, east, longitude = record
    if north not in (b"N", b"S") or east not in (b"E", b"W"):
        return None
    return made_fix(
        degrees(latitude / 1e3) * (-1 if north == b"S" else 1),
        degrees(longitude / 1e3) * (-1 if east == b"W" else 1),
        speed_m_s=m_h / 1e3 * KMH_M_S,
        media_s=second,
    )
