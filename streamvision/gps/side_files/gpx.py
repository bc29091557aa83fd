"""Tracks of GPX 1.0 and 1.1 (https://www.topografix.com/GPX/1/1/), with speed and course as either has them."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from streamvision.core.position import Fix
from streamvision.core.reading import parse_xml
from streamvision.gps.containers.format import Readings
from streamvision.gps.nmea import ERROR_PER_HDOP_M
from streamvision.gps.values import made_fix, utc_unix_s

_MOMENT = re.compile(
    r"\s*(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d(?:\.\d{1,12})?)(?:Z|([+-])(\d\d):?(\d\d))?\s*", re.ASCII
)


def read_gpx(content: bytes) -> Readings:
    """Return the points of all tracks, in their order.

    Raises:
        UnreadableError: when it is not XML.
    """
    points = (element for element in parse_xml(content).iter() if _name(element) == "trkpt")
    return Readings(fixes=tuple(fix for point in points if (fix := _fix(point)) is not None))


def moment_of(text: str) -> float | None:
    """Return the seconds since 1970 of a moment of ISO 8601, which is UTC where it says no zone."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute = (int(part) for part in found.groups()[:5])
    by_clock_s = utc_unix_s(year, month, day, hour, minute, float(found[6]))
    if by_clock_s is None or found[7] is None:
        return by_clock_s
    ahead_s = int(found[8]) * 3600 + int(found[9]) * 60
    return by_clock_s - (ahead_s if found[7] == "+" else -ahead_s)


def _fix(point: Element) -> Fix | None:
    latitude_deg, longitude_deg = _number(point.get("lat")), _number(point.get("lon"))
    if latitude_deg is None or longitude_deg is None:
        return None
    told = {_name(element): element.text for element in point.iter()}
    hdop = _number(told.get("hdop"))
    return made_fix(
        latitude_deg,
        longitude_deg,
        unix_s=moment_of(told.get("time") or ""),
        altitude_m=_number(told.get("ele")),
        speed_m_s=_number(told.get("speed")),
        course_deg=_number(told.get("course")),
        error_m=hdop * ERROR_PER_HDOP_M if hdop else None,
    )


def _name(element: Element) -> str:
    """Return the name of an element without its name space."""
    return element.tag.rpartition("}")[2]


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
