"""Time zones as people write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, available_timezones

import click

from streamvision.core.errors import ConfigError

_ZONE = re.compile(r"(?P<sign>[+-]?)(?P<hours>\d{1,2})(:?(?P<minutes>[0-5]\d))?", re.ASCII)


def zone_option(_context: click.Context, _option: click.Parameter, text: str | None) -> tzinfo | None:
    """Return a zone from +02:00, +2, -0330, UTC or Europe/Berlin; ``None`` where none is given.

    Raises:
        ConfigError: when it is none.
    """
    if text is None:
        return None
    if "/" in text and text in available_timezones():
        return ZoneInfo(text)
    found = _ZONE.fullmatch("+0" if text.upper() in ("UTC", "Z") else text.strip())
    away = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0)) if found else timedelta(days=1)
    if found is None or away > timedelta(hours=14):
        raise ConfigError(f"--zone {text} is no time zone; give +02:00, or a place such as Europe/Berlin")
    return timezone(-away if found["sign"] == "-" else away)


def ahead_s(zone: tzinfo, at: datetime) -> float:
    """Return how far a zone's clocks are ahead of UTC at a moment, in seconds."""
    away = at.astimezone(zone).utcoffset()
    return away.total_seconds() if away is not None else 0.0
