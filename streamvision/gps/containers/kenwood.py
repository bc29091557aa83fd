"""Kenwood DRV-A301W: lines of text in the file's box ``udta``.

Source: what ``exiftool -ee`` (https://exiftool.org) reports of it: two clocks, likely local, a place in degrees and
minutes, altitude, and speed in km/h.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from streamvision.core.position import Fix
from streamvision.gps.boxes import find_box, read_box
from streamvision.gps.containers.format import Readings
from streamvision.gps.nmea import degrees
from streamvision.gps.values import KMH_M_S, made_fix, utc_unix_s

_MARK = b"VIDEO" + b"U" * 22
_LINE = re.compile(
    rb"\xfe\xfe(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)[^\xfe]\d{14}[^\xfe]"
    rb"([NS])(\d{1,9})([EW])(\d{1,10})(?:([-+]\d{4})(\d{1,4}))?"
)


def read(file: BinaryIO) -> Readings | None:
    """Return the fixes of a Kenwood's video; ``None`` where it is none."""
    box = find_box(file, b"udta")
    content = b"" if box is None else read_box(file, box)
    if not content.startswith(_MARK):
        return None
    fixes = [_fix(line) for line in _LINE.finditer(content)]
    return Readings(tuple(fix for fix in fixes if fix is not None), may_be_local=True)


def _fix(line: re.Match[bytes]) -> Fix | None:
    year, month, day, hour, minute, second = (int(part) for part in line.groups()[:6])
    north, latitude, east, longitude, metres, kmh = line.groups()[6:]
    return made_fix(
        degrees(int(latitude) / 1e4) * (-1 if north == b"S" else 1),
        degrees(int(longitude) / 1e4) * (-1 if east == b"W" else 1),
        unix_s=utc_unix_s(year, month, day, hour, minute, second),
        altitude_m=None if metres is None else int(metres),
        speed_m_s=None if kmh is None else int(kmh) * KMH_M_S,
    )
