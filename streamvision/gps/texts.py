"""What cameras write about their way beside NMEA: one text or record, one fix.

The layouts were found by Phil Harvey for exiftool (https://exiftool.org/TagNames/QuickTime.html#Stream) and, for DJI,
by https://github.com/JuanIrache/DJI_SRT_Parser. None of them says a zone; clocks are those of the cameras.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from streamvision.core.position import Fix
from streamvision.gps.nmea import degrees
from streamvision.gps.values import KMH_M_S, MPH_M_S, made_fix, utc_unix_s

_DECIMAL = r"([-+]?\d{0,9}\.?\d{1,12})"
_CLOCK = re.compile(r"(\d{4})[-.:](\d\d)[-.:](\d\d) (\d\d):(\d\d):(\d\d(?:[.,]\d{1,6})?)", re.ASCII)
_DJI_BEFORE_2018 = re.compile(rf"GPS ?\( ?{_DECIMAL}, ?{_DECIMAL}", re.ASCII)
_DJI_LATITUDE = re.compile(rf"latitude ?: ?{_DECIMAL}", re.ASCII)
_DJI_LONGITUDE = re.compile(rf"longt?itude ?: ?{_DECIMAL}", re.ASCII)
_DJI_ALTITUDE = re.compile(rf"(?:abs_alt|altitude) ?: ?{_DECIMAL}", re.ASCII)
_DJI_HEIGHT = re.compile(rf"\bH {_DECIMAL}m", re.ASCII)
_DJI_SPEED = re.compile(rf"\bH\.S {_DECIMAL}", re.ASCII)
_MINI = re.compile(
    r"A,(\d\d)(\d\d)(\d\d),(\d\d)(\d\d)(\d\d(?:\.\d{1,6})?),(\d{4}\.\d{1,9}),([NS]),(\d{5}\.\d{1,9}),([EW]),"
    r"(\d{1,4}\.\d{1,6})?,(-?\d{1,6}(?:\.\d{1,6})?)?M?",
    re.ASCII,
)
_DOLLAR_G = re.compile(
    r"\$G:(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)-([NS])(\d{1,2}\.\d{1,12})-([EW])(\d{1,3}\.\d{1,12})-S(\d{1,4})",
    re.ASCII,
)
_VANTRUE = re.compile(rb"FMAS\0\0\0\0.{72}SAMM.{36}A", re.DOTALL)


def fix_of_text(text: str) -> Fix | None:
    """Return the fix of one text of a camera; ``None`` where no layout fits."""
    return next((fix for layout in _TEXTS if (fix := layout(text)) is not None), None)


def fix_of_vantrue(content: bytes) -> Fix | None:
    """Return the fix of an ``FMAS`` record of the Vantrue N2S; ``None`` where it is none."""
    if len(content) < 160 or not _VANTRUE.match(content):
        return None
    year, month, day, hour, minute, second = struct.unpack_from("<H5B", content, 96)
    east, north = content[121:122], content[122:123]
    longitude, longitude_min, longitude_part = struct.unpack_from("<BBxH", content, 123)
    latitude, latitude_min, latitude_part, mph, course = struct.unpack_from("<BBHHH", content, 128)
    return made_fix(
        (latitude + (latitude_min + latitude_part / 6000) / 60) * (-1 if north == b"S" else 1),
        (longitude + (longitude_min + longitude_part / 6000) / 60) * (-1 if east == b"W" else 1),
        unix_s=utc_unix_s(year, month, day, hour, minute, second),
        speed_m_s=mph * MPH_M_S,
        course_deg=course,
    )


def clock_of(text: str) -> float | None:
    """Return the first date and time in a text (``2024-08-07 12:34:24.380``), in seconds since 1970, taken as UTC."""
    found = _CLOCK.search(text)
    if found is None:
        return None
    year, month, day, hour, minute = (int(part) for part in found.groups()[:5])
    return utc_unix_s(year, month, day, hour, minute, float(found[6].replace(",", ".")))


def _dji(text: str) -> Fix | None:
    """Read ``[latitude: 22.5] [longitude: 113.9] [rel_alt: 1.1 abs_alt: 2.9]``."""
    latitude_deg, longitude_deg = _told(_DJI_LATITUDE, text), _told(_DJI_LONGITUDE, text)
    if latitude_deg is None or longitude_deg is None:
        return None
    return made_fix(latitude_deg, longitude_deg, unix_s=clock_of(text), altitude_m=_told(_DJI_ALTITUDE, text))


def _dji_before_2018(text: str) -> Fix | None:
    """Read ``F/3.5, SS 1000, GPS (8.6499, 53.1665, 18), H 6.00m, H.S 2.10m/s``: the longitude comes first."""
    found = _DJI_BEFORE_2018.search(text)
    if found is None:
        return None
    height_m, speed_m_s = _told(_DJI_HEIGHT, text), _told(_DJI_SPEED, text)
    return made_fix(float(found[2]), float(found[1]), unix_s=clock_of(text), altitude_m=height_m, speed_m_s=speed_m_s)


def _mini(text: str) -> Fix | None:
    """Read ``A,270519,201555.000,3356.8925,N,08420.2071,W,000.0,331.0M,...`` of the Mini 0806."""
    found = _MINI.match(text)
    if found is None:
        return None
    day, month, year, hour, minute = (int(part) for part in found.groups()[:5])
    return made_fix(
        degrees(float(found[7])) * (-1 if found[8] == "S" else 1),
        degrees(float(found[9])) * (-1 if found[10] == "W" else 1),
        unix_s=utc_unix_s(year, month, day, hour, minute, float(found[6])),
        speed_m_s=None if found[11] is None else float(found[11]) * KMH_M_S,
        altitude_m=None if found[12] is None else float(found[12]),
    )


def _dollar_g(text: str) -> Fix | None:
    """Read ``$G:2019-01-02 03:04:05-N51.5-W0.25-S36``."""
    found = _DOLLAR_G.search(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    return made_fix(
        float(found[8]) * (-1 if found[7] == "S" else 1),
        float(found[10]) * (-1 if found[9] == "W" else 1),
        unix_s=utc_unix_s(year, month, day, hour, minute, second),
        speed_m_s=float(found[11]) * KMH_M_S,
    )


def _told(pattern: re.Pattern[str], text: str) -> float | None:
    found = pattern.search(text)
    return float(found[1]) if found else None


_TEXTS: tuple[Callable[[str], Fix | None], ...] = (_dji, _dji_before_2018, _mini, _dollar_g)
