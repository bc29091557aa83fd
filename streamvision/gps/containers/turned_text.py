"""Lines of text in which each byte is turned by 0xAA: Ambarella A12 boards, BlueSkySea, Lamax, Rove.

Source: what ``exiftool -ee`` (https://exiftool.org) reports of them. A line says time, place and speed at fixed places;
whether its clock is UTC depends on the camera.
"""

from __future__ import annotations

import re

from streamvision.core.position import Fix
from streamvision.gps.values import KMH_M_S, made_fix, utc_unix_s

MIN_LINE_BYTES = 65
"""Shortest line with a fix."""
_MARK = re.compile(rb"\0\0(?:..\xaa\xaa|\xf2\xe1\xf0\xee)", re.DOTALL)
_LINE = re.compile(
    rb".{8}(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d).{16}([NS])(\d\d)(\d{6})([EW])(\d{3})(\d{6})(.{5})(.{3})", re.DOTALL
)


def turned_line(content: bytes) -> Fix | None:
    """Return the fix of a line; ``None`` where the bytes are no such line, or have no fix."""
    if len(content) < MIN_LINE_BYTES or _MARK.match(content) is None:
        return None
    found = _LINE.match(bytes(byte ^ 0xAA for byte in content[: MIN_LINE_BYTES + 8]))
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    north, latitude, minutes_north, east, longitude, minutes_east, metres, kmh = found.groups()[6:]
    return made_fix(
        (int(latitude) + int(minutes_north) / 600_000) * (-1 if north == b"S" else 1),
        (int(longitude) + int(minutes_east) / 600_000) * (-1 if east == b"W" else 1),
        unix_s=utc_unix_s(year, month, day, hour, minute, second),
        altitude_m=int(metres) if re.fullmatch(rb"[-+]\d{4}", metres) else None,
        speed_m_s=int(kmh) * KMH_M_S if kmh.isdigit() else None,
    )
