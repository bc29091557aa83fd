"""Numbers of receivers that anybody may have written, made fixes."""

from __future__ import annotations

import math
from datetime import datetime, timezone

from streamvision.core.position import Fix

KMH_M_S = 1 / 3.6
MPH_M_S = 1609.344 / 3600


def made_fix(
    latitude_deg: float,
    longitude_deg: float,
    *,
    unix_s: float | None = None,
    altitude_m: float | None = None,
    speed_m_s: float | None = None,
    course_deg: float | None = None,
    error_m: float | None = None,
    media_s: float | None = None,
) -> Fix | None:
    """Return a fix; ``None`` where the place is none on earth. What else cannot be is left out."""
    if not (abs(latitude_deg) <= 90 and abs(longitude_deg) <= 180):
        return None
    course_deg = _within(course_deg, -720, 720)
    return Fix(
        latitude_deg,
        longitude_deg,
        unix_s=_within(unix_s, 0, 1e11),
        altitude_m=_within(altitude_m, -1e5, 1e8),
        speed_m_s=_within(speed_m_s, 0, 1e5),
        course_deg=course_deg % 360 if course_deg is not None else None,
        error_m=_within(error_m, 0, 1e7),
        media_s=_within(media_s, 0, 1e9),
    )


def utc_unix_s(year: int, month: int, day: int, hour: int, minute: int, second: float) -> float | None:
    """Return seconds since 1970 of a date and time in UTC; ``None`` where the calendar has none such.

    A year below 2000 counts from there. The second may be 60, as it is once in some years.
    """
    if not 0 <= second < 61:
        return None
    try:
        minutes = datetime(year + 2000 if year < 2000 else year, month, day, hour, minute, tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        return None
    return minutes.timestamp() + second


def _within(value: float | None, least: float, most: float) -> float | None:
    return value if value is not None and math.isfinite(value) and least <= value <= most else None
