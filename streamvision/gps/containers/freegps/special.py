"""Layouts of ``freeGPS`` blocks with text, other units, or several fixes in a block.

Sources: what ``exiftool -ee`` (https://exiftool.org, its documentation of "QuickTime Stream Tags") reports of them; for
70mai https://github.com/amkulikov/dashcamigo. Each function returns the fixes of a block, in order; ``None`` where the
block is of another layout.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace

from streamvision.core.position import Fix
from streamvision.gps.containers.freegps.layout import STANDARD, clock_unix_s
from streamvision.gps.nmea import KNOT_M_S, degrees, fixes_in
from streamvision.gps.values import KMH_M_S, made_fix, utc_unix_s

_AZDOME_MARK = bytes.fromhex("aaaaf2e1f0ee5454")
_AZDOME = re.compile(
    rb".{8}(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)..{15}([NS])(\d{8})([EW])(\d{9})(?:(\d{8})|[-+]\d{4}(\d{3}))?",
    re.DOTALL,
)
_CAMERA_CLOCK = re.compile(rb".{52}(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)", re.DOTALL)
_ENCRYPTED = (
    re.compile(rb".{21}\0\0\0A[NS][EW]", re.DOTALL),
    re.compile(rb".{64}[\x01-\x0c]\0{3}[\x01-\x1f]\0{3}A[NS][EW]\0{5}", re.DOTALL),
    re.compile(rb".{12}\xac\0\0\0", re.DOTALL),
)
_INNOVV = re.compile(rb"A([NS])([EW])\0(.{16})(?:.{12})", re.DOTALL)
_ATC_RECORD = struct.Struct("<13x3Bi4xi4xih2xiH2B4x")
_NEXTBASE_RECORD = struct.Struct(">HhH4BHxii")


def azdome(block: bytes) -> list[Fix] | None:
    """Azdome, EEEkit: a line of text, each byte of it turned by 0xAA."""
    if block[18:26] != _AZDOME_MARK:
        return None
    found = _AZDOME.match(_turned(block[18:275], 0xAA))
    if found is None:
        return []
    *when, north, latitude, east, longitude, azdome_kmh, eeekit_kmh = found.groups()
    kmh = azdome_kmh or eeekit_kmh
    return _one(
        made_fix(
            degrees(int(latitude) / 1e4) * _sign(north),
            degrees(int(longitude) / 1e4) * _sign(east),
            unix_s=_calendar(when),
            speed_m_s=None if kmh is None else int(kmh) * KMH_M_S,
        )
    )


def nextbase_text(block: bytes) -> list[Fix] | None:
    """Nextbase 512GW: the camera's own clock, then sentences of NMEA."""
    return None if _CAMERA_CLOCK.match(block) is None else fixes_in(block[66:].decode("latin-1"))


def camera_clock_unix_s(block: bytes) -> float | None:
    """Return what the camera's own clock says in a block of :func:`nextbase_text`, as if it were UTC."""
    found = _CAMERA_CLOCK.match(block)
    return None if found is None else _calendar(found.groups())


def shifted_text(block: bytes) -> list[Fix] | None:
    """A sentence of NMEA with 16 added to each byte."""
    if block[60:67] != b"4W`b]S<":
        return None
    return fixes_in(bytes(byte - 16 if byte >= 16 else byte for byte in block[60:200]).decode("latin-1"))


def encrypted(block: bytes) -> list[Fix] | None:
    """Kingslim D4, Akaso V1, Redtiger F7N, EACHPAI: places that nobody can decode are no fixes."""
    return [] if any(pattern.match(block) for pattern in _ENCRYPTED) else None


def transcend(block: bytes) -> list[Fix] | None:
    """Transcend Driver Pro 230: as the standard layout, and the same place again in eight bytes, and the altitude."""
    if STANDARD.test.match(block) is None or len(block) < 0xA8:
        return None
    floats = struct.unpack_from("<2f", block, 0x4C)
    latitude, longitude, altitude_m = (struct.unpack_from("<d", block, place)[0] for place in (0x70, 0x80, 0xA0))
    if not (abs(floats[0] - latitude) < 0.001 and abs(floats[1] - longitude) < 0.001):
        return None
    rough = STANDARD.read(block)
    return _one(
        made_fix(
            degrees(abs(latitude)) * _sign(block[0x49:0x4A]),
            degrees(abs(longitude)) * _sign(block[0x4A:0x4B]),
            unix_s=clock_unix_s(block, day=0x3C, clock=0x30),
            altitude_m=altitude_m,
            speed_m_s=rough.speed_m_s if rough else None,
            course_deg=rough.course_deg if rough else None,
        )
    )


def iqs(block: bytes) -> list[Fix] | None:
    """IQS A7: as the standard layout, but whole numbers: degrees times 10,000,000, cm/s, and an altitude in mm."""
    if block[16:19] != b"IQS" or STANDARD.test.match(block) is None:
        return None
    latitude, longitude, speed_cm_s, altitude_mm = struct.unpack_from("<iiif", block, 0x4C)
    return _one(
        made_fix(
            abs(latitude) / 1e7 * _sign(block[0x49:0x4A]),
            abs(longitude) / 1e7 * _sign(block[0x4A:0x4B]),
            unix_s=clock_unix_s(block, day=0x3C, clock=0x30),
            altitude_m=altitude_mm / 1000,
            speed_m_s=speed_cm_s / 100,
        )
    )


def innovv(block: bytes) -> list[Fix] | None:
    """INNOVV: several records without a clock."""
    if re.match(rb".{16}A[NS][EW]\0", block, re.DOTALL) is None:
        return None
    return [fix for fix in map(_innovv_fix, _INNOVV.finditer(block)) if fix is not None]


def _innovv_fix(record: re.Match[bytes]) -> Fix | None:
    latitude, longitude, knots, course_deg = struct.unpack("<4f", record[3])
    return made_fix(
        degrees(abs(latitude)) * _sign(record[1]),
        degrees(abs(longitude)) * _sign(record[2]),
        speed_m_s=knots * KNOT_M_S,
        course_deg=course_deg,
    )


def nextbase_records(block: bytes) -> list[Fix] | None:
    """Nextbase 512G: records of 32 bytes, big-endian, until one whose date cannot be."""
    fixes = list(_nextbase_records(block))
    return fixes or None


def _nextbase_records(block: bytes) -> Iterator[Fix]:
    for place in range(0x32, len(block) - _NEXTBASE_RECORD.size + 1, 32):
        cm_s, course, year, month, day, hour, minute, tenths, latitude, longitude = _NEXTBASE_RECORD.unpack_from(
            block, place
        )
        unix_s = utc_unix_s(year, month, day, hour, minute, tenths / 10)
        if unix_s is None or not 2000 <= year <= 2200:
            return
        fix = made_fix(latitude / 1e7, longitude / 1e7, unix_s=unix_s, speed_m_s=cm_s / 100, course_deg=course / 100)
        if fix is not None:
            yield fix


def atc_ring(block: bytes) -> list[Fix] | None:
    """ATC: a ring of the last 30 records, stored whole each time; each is turned by two keys in itself."""
    if block[0x45:0x48] != b"ATC":
        return None
    places = range(0x30, len(block) - 52, 52)
    return [fix for fix in (_atc_fix(block[place : place + 52]) for place in places) if fix is not None]


def _atc_fix(record: bytes) -> Fix | None:
    first, second = record[0x14], record[0x1C]
    clear = (
        _turned(record[:0x15], first)
        + record[0x15:0x18]
        + _turned(record[0x18:0x1C], first)
        + _turned(record[0x1C:0x1D], second)
        + record[0x1D:0x20]
        + _turned(record[0x20:0x33], second)
        + record[0x33:]
    )
    hour, minute, second_of, latitude, longitude, cm_s, course, altitude_mm, year, month, day = _ATC_RECORD.unpack(
        clear
    )
    unix_s = utc_unix_s(year, month, day, (hour + 1) & 0xFF, minute, second_of)
    if unix_s is None:
        return None
    return made_fix(
        latitude / 1e7,
        longitude / 1e7,
        unix_s=unix_s,
        altitude_m=altitude_mm / 1000,
        speed_m_s=cm_s / 100,
        course_deg=course / 100,
    )


def newer(fixes: list[Fix], last_unix_s: float) -> list[Fix]:
    """Return the fixes of a ring that came after a time: the first ones that do, up to where it turns over."""
    new: list[Fix] = []
    for fix in fixes:
        if fix.unix_s is not None and fix.unix_s > last_unix_s:
            new.append(fix)
            last_unix_s = fix.unix_s
        elif new and fix.unix_s != last_unix_s:
            break
    return new


def seventy_mai(block: bytes) -> list[Fix] | None:
    """70mai A810, M500: signed degrees and minutes times 100,000, km/h, no clock."""
    if len(block) < 47 or block[12:14] != block[18:20] or block[14:16] != b"\0\0" or block[30:31] not in (b"A", b"V"):
        return None
    latitude, longitude, course_deg, kmh = struct.unpack_from("<4i", block, 31)
    if block[30:31] == b"V":
        return []
    fix = made_fix(
        degrees(latitude / 1e5), degrees(longitude / 1e5), speed_m_s=kmh * KMH_M_S, course_deg=float(course_deg)
    )
    return _one(fix)


def at_media_time(fixes: list[Fix], media_s: float | None) -> list[Fix]:
    """Return the fixes of a block with their times in the video: the last was told when the block was written.

    Those before it are placed by their clock; where they have none, or lie before the video, they get no time.
    """
    if not fixes or media_s is None:
        return fixes
    last = fixes[-1]
    return [*(_before(fix, last, media_s) for fix in fixes[:-1]), replace(last, media_s=media_s)]


def _before(fix: Fix, last: Fix, media_s: float) -> Fix:
    if fix.unix_s is None or last.unix_s is None:
        return fix
    own_s = media_s - (last.unix_s - fix.unix_s)
    return replace(fix, media_s=own_s if own_s >= 0 else None)


def _calendar(digits: Sequence[bytes]) -> float | None:
    """Return the time of year, month, day, hour, minute and second, each in digits."""
    year, month, day, hour, minute, second = (int(part) for part in digits)
    return utc_unix_s(year, month, day, hour, minute, second)


def _turned(content: bytes, key: int) -> bytes:
    return bytes(byte ^ key for byte in content)


def _sign(letter: bytes) -> int:
    return -1 if letter in (b"S", b"W") else 1


def _one(fix: Fix | None) -> list[Fix]:
    return [] if fix is None else [fix]
