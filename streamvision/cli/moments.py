"""Moments and spans of time as people type them."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Any

import click

_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhd])", re.ASCII)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Moment(click.ParamType[float]):
    """A moment: ``2026-05-01 14:30``, in the time of this machine unless it says otherwise; ``90m``, so long ago; or
    seconds since 1970 UTC, which is also what comes of it."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return it in seconds since 1970 UTC."""
        if isinstance(value, float):
            return value
        text = str(value).strip()
        if ago := _AGO.fullmatch(text):
            return time.time() - float(ago[1]) * _SECONDS[ago[2]]
        try:
            return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else _from_iso(text)
        except (ValueError, OverflowError, OSError):
            self.fail(
                f"{text!r} is no time; give one such as '2026-05-01 14:30', 90m or 2d (so long ago), or seconds since "
                "1970",
                param,
                ctx,
            )


def _from_iso(text: str) -> float:
    found = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text))  # Python 3.10 does not know Z
    return found.timestamp()


def shown_moment(time_unix_s: float) -> str:
    """Return a moment for people, in the time of this machine."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time_unix_s))
