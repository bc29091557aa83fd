"""Where this machine is at the moment, for frames of cameras that move with it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

from streamvision.core.position import Fix, Position, PositionSource
from streamvision.core.position_address import PositionAddress, parse_position_address
from streamvision.gps.live.gpsd import gpsd_fixes
from streamvision.gps.live.nmea_udp import udp_fixes
from streamvision.gps.track import GpsTrack

log = logging.getLogger(__name__)

KEPT_FIXES = 6
"""Fixes from which a place is told; the newest and those that show which ones cannot be."""
DELAY_S = 0.15
"""What a receiver takes from the moment of a fix to its sentence, by what people measure who set clocks by it."""
CLOCK_FIXES = 60
"""Fixes of which the one that came soonest tells how the receiver's clock and ours belong together."""
CLOCK_JUMP_S = 5.0
"""A receiver whose clock moved so far against ours was set, or plays something again."""
FIRST_RETRY_S, LAST_RETRY_S = 1.0, 10.0
_SOURCES: dict[str, tuple[Callable[[PositionAddress, threading.Event], Iterator[Fix]], PositionSource]] = {
    "gpsd": (gpsd_fixes, "gpsd"),
    "nmea-udp": (udp_fixes, "nmea"),
}


class LivePosition:
    """Receives fixes in a thread of its own, and says where this machine was at a moment of the last seconds.

    Args:
        address: ``gpsd://HOST[:PORT]`` or ``nmea-udp://[HOST]:PORT``.
        on_fix: is told of each fix and when it held, on ``time.monotonic()``, by the thread that receives.

    Raises:
        ValueError: when the address is none.
    """

    def __init__(self, address: str, *, on_fix: Callable[[Fix, float], None] | None = None) -> None:
        self.address = parse_position_address(address)
        """Where fixes come from."""
        self._read, self.source = _SOURCES[self.address.kind]
        self._on_fix = on_fix
        self._clock = ReceiverClock()
        self._recent: deque[Fix] = deque(maxlen=KEPT_FIXES)
        self._last: Fix | None = None
        self._track: GpsTrack | None = None  # replaced, never changed: capture threads look into it
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="position", daemon=True)

    def start(self) -> None:
        """Begin to receive; what cannot be reached is tried again and again."""
        if self._thread.ident is None:
            self._thread.start()

    def close(self, timeout_s: float = 2.0) -> None:
        """End, within ``timeout_s``; legal in every state, and twice."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def at(self, monotonic_s: float) -> Position | None:
        """Return where this machine was at a moment on ``time.monotonic()``.

        ``None`` before the first fix, and when the last one is more than 3 s old.
        """
        track = self._track
        return track.at(monotonic_s) if track is not None else None

    def _run(self) -> None:
        retry_s, is_away = FIRST_RETRY_S, False
        while not self._stop.is_set():
            try:
                for fix in self._read(self.address, self._stop):
                    if is_away:
                        log.warning("position: %s is back", self.address)
                    retry_s, is_away = FIRST_RETRY_S, False
                    self._take(fix)
            except OSError as error:
                level = logging.DEBUG if is_away else logging.WARNING
                log.log(level, "position: %s: %s; tried again", self.address, error.strerror or error)
                is_away = True
            self._stop.wait(retry_s)
            retry_s = min(2 * retry_s, LAST_RETRY_S)

    def _take(self, fix: Fix) -> None:
        if fix == self._last:  # gpsd may say a fix twice
            return
        self._last = fix
        held_s = self._clock.moment_s(fix, arrived_s=time.monotonic())
        while self._recent and (self._recent[-1].unix_s or 0.0) >= held_s:
            self._recent.pop()
        self._recent.append(replace(fix, unix_s=held_s))
        self._track = GpsTrack(self._recent, self.source)
        if self._on_fix is not None:
            self._on_fix(fix, held_s)


class ReceiverClock:
    """Tells when a fix held, on ``time.monotonic()``: its own clock does not tremble as its arrival does."""

    def __init__(self) -> None:
        self._leads_s: deque[float] = deque(maxlen=CLOCK_FIXES)

    def moment_s(self, fix: Fix, *, arrived_s: float) -> float:
        """Return when a fix held that arrived at a moment of ours."""
        if fix.unix_s is None:
            return arrived_s - DELAY_S
        lead_s = arrived_s - fix.unix_s
        if self._leads_s and abs(lead_s - min(self._leads_s)) > CLOCK_JUMP_S:
            self._leads_s.clear()
        self._leads_s.append(lead_s)
        return fix.unix_s + min(self._leads_s) - DELAY_S
