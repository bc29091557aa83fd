"""The fixes of the last minutes, and what of them belongs beside a clip."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from statistics import median

from streamvision.core.position import Fix, Position, PositionSource
from streamvision.gps.track import GpsTrack
from streamvision.gps.writing import write_gpx

MOST_FIXES = 20_000
"""A quarter of an hour at the 20 a second of the fastest receivers."""
CLOCK_FIXES = 60
"""So many fixes nearest to a moment tell how the receiver's clock and this machine's belong together there."""
AROUND_S = 30.0
"""So far around a span fixes are looked at."""


class FixLog:
    """Keeps fixes with the moments, on ``time.monotonic()``, at which they held; any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: deque[tuple[float, Fix]] = deque(maxlen=MOST_FIXES)

    def add(self, fix: Fix, held_s: float) -> None:
        """Take a fix and when it held."""
        with self._lock:
            self._held.append((held_s, fix))

    def between(self, since_s: float, until_s: float, source: PositionSource) -> tuple[Fix, ...]:
        """Return the fixes of a span, in the receiver's UTC, with one made for its first moment.

        By that one, a clip's beginning is known to the millisecond by the receiver's clock, whatever this machine's
        says. There is none where no fix is near. A span without any of its own gets one for its last moment, too.
        """
        with self._lock:
            near = [one for one in self._held if since_s - AROUND_S <= one[0] <= until_s + AROUND_S]
        held = sorted(near, key=lambda one: one[0])
        inside = [(held_s, fix) for held_s, fix in held if since_s < held_s <= until_s]
        track = GpsTrack([replace(fix, unix_s=held_s) for held_s, fix in held], source)
        made = [(at_s, track.at(at_s)) for at_s in ((since_s,) if inside else (since_s, until_s))]
        inside = [*((at_s, _fix(place)) for at_s, place in made if place is not None), *inside]
        if not inside:
            return ()
        ahead_s = _utc_ahead_s(held, (since_s + inside[-1][0]) / 2)
        return tuple(replace(fix, unix_s=held_s + ahead_s) for held_s, fix in inside)

    def write(self, path: Path, since_s: float, until_s: float, source: PositionSource) -> bool:
        """Write the fixes of a span as GPX; return whether there are any.

        Raises:
            OutputError: when it cannot be written.
        """
        track = GpsTrack(self.between(since_s, until_s, source), source)
        if track.fixes:
            write_gpx(path, {path.stem: track})
        return bool(track.fixes)


def _fix(place: Position) -> Fix:
    return Fix(place.latitude_deg, place.longitude_deg, speed_m_s=place.speed_m_s, course_deg=place.course_deg)


def _utc_ahead_s(held: list[tuple[float, Fix]], at_s: float) -> float:
    """Return how far UTC is ahead of ``time.monotonic()``, by the receiver; by this machine where it tells no time."""
    nearest = sorted(held, key=lambda one: abs(one[0] - at_s))[:CLOCK_FIXES]
    told = [fix.unix_s - held_s for held_s, fix in nearest if fix.unix_s is not None]
    return median(told) if told else time.time() - time.monotonic()
