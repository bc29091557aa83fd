"""Fixes of the gpsd program: lines of JSON by TCP (https://gpsd.io/gpsd_json.html)."""

from __future__ import annotations

import math
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from streamvision.core.position import Fix
from streamvision.core.position_address import PositionAddress
from streamvision.core.reading import UnreadableError, finite, parse_json
from streamvision.gps.live.sender import OneSender
from streamvision.gps.values import made_fix

CONNECT_TIMEOUT_S = 5.0
LOOK_S = 0.5
"""How often a wait looks whether it is to end."""
SILENCE_S = 15.0
"""After so long without a word the connection is made anew: a network that is gone says nothing."""
MAX_LINE_BYTES = 1 << 16
"""Longest line; gpsd's own bound is 10,240."""
SIGMAS_95 = 1.96
"""gpsd's errors hold in 95 of 100 cases (its source, GPSD_CONFIDENCE); ours are standard deviations."""
WATCH = b'?WATCH={"enable":true,"json":true};\n'
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?Z", re.ASCII)


def gpsd_fixes(address: PositionAddress, stop: threading.Event) -> Iterator[Fix]:
    """Yield the fixes that a gpsd reports, until ``stop`` is set.

    Where it has several receivers, those of one are taken for as long as it has any.

    Raises:
        OSError: when it cannot be reached, ends the connection, is silent, or is no gpsd.
    """
    receivers = OneSender()
    for line in _lines(address, stop):
        try:
            report = parse_json(line)
        except UnreadableError:
            continue
        if not isinstance(report, Mapping) or report.get("class") != "TPV":
            continue
        fix = fix_of(report)
        if fix is not None and receivers.takes(str(report.get("device", ""))[:200]):
            yield fix


def fix_of(report: Mapping[str, Any]) -> Fix | None:
    """Return the fix of a report of class TPV; ``None`` where it has none."""
    latitude_deg, longitude_deg = finite(report.get("lat")), finite(report.get("lon"))
    if report.get("mode") not in (2, 3) or latitude_deg is None or longitude_deg is None:
        return None
    altitude_m = finite(report.get("altMSL"))
    return made_fix(
        latitude_deg,
        longitude_deg,
        unix_s=_unix_s(report.get("time")),
        altitude_m=finite(report.get("alt")) if altitude_m is None else altitude_m,
        speed_m_s=finite(report.get("speed")),
        course_deg=finite(report.get("track")),
        error_m=_error_m(report),
    )


def _error_m(report: Mapping[str, Any]) -> float | None:
    east_m, north_m, both_m = (finite(report.get(name)) for name in ("epx", "epy", "eph"))
    if east_m is not None and north_m is not None:
        return math.sqrt((east_m**2 + north_m**2) / 2) / SIGMAS_95
    return None if both_m is None else both_m / math.sqrt(2) / SIGMAS_95


def _unix_s(told: Any) -> float | None:
    found = _TIME.fullmatch(told) if isinstance(told, str) else None
    if found is None:
        return None
    try:
        whole = datetime.fromisoformat(found[1]).replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return None
    return whole + float(f"0{found[2] or '.0'}")


def _lines(address: PositionAddress, stop: threading.Event) -> Iterator[bytes]:
    with socket.create_connection((address.host, address.port), timeout=CONNECT_TIMEOUT_S) as connection:
        connection.settimeout(LOOK_S)
        connection.sendall(WATCH)
        rest, heard_s = b"", time.monotonic()
        while not stop.is_set():
            try:
                data = connection.recv(MAX_LINE_BYTES)
            except TimeoutError:
                if time.monotonic() - heard_s > SILENCE_S:
                    raise OSError(f"nothing came for {SILENCE_S:.0f} s") from None
                continue
            if not data:
                raise OSError("gpsd ended the connection")
            heard_s = time.monotonic()
            *lines, rest = (rest + data).split(b"\n")
            if len(rest) > MAX_LINE_BYTES:
                raise OSError("what answers there is no gpsd")
            yield from lines
