"""When a viewer has room for the next picture: nothing old may wait in front of it, wherever it would wait.

Three places hold what a slow viewer has not seen yet: the buffer of the transport, the kernel's (with what is on the
wire), and the viewer's own kernel, whose window is smaller by what its program has not read. With 64 kB in the last
alone, a viewer of 40 kB/s is 1.6 s behind.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

AHEAD_S = 0.25
"""How much may be under way beside the newest picture, in time that the viewer needs for it."""
RATE_S = 0.8
"""Shortest time over which the rate of a viewer is measured."""
RISING_PART, FALLING_PART = 0.3, 0.15
"""How much the newest rate counts, beside all before it."""
LOOK_S = 0.2
"""How often a viewer is looked at that has kept up for :data:`TRUST_S`."""
TRUST_S = 2.0
WINDOW_S = 4.0
"""For how long, and until twice as long, the largest window is remembered."""
DRAIN_S = 0.15
"""Once in that time a slow viewer is left without anything to read for so long, so that its whole window is seen."""
MAX_UNTOLD_BYTES = 16 * 1024
"""How much room in a window, of which its kernel has not told yet, is assumed at most."""
PATIENCE_S = 1.0
"""A picture is sent after so long where the kernel has room, whatever the viewer's window seems to say."""

_TCP_INFO = struct.Struct("=16xI100xQ16xII48xQQ12xI")
"""Of ``struct tcp_info`` (linux/tcp.h): ``tcpi_snd_mss``, ``tcpi_bytes_acked``, ``tcpi_notsent_bytes``,
``tcpi_min_rtt``, ``tcpi_bytes_sent``, ``tcpi_bytes_retrans``, ``tcpi_snd_wnd``."""


class Look(NamedTuple):
    """What the kernel says of a connection at one moment."""

    acknowledged_bytes: int
    """What the viewer's kernel has taken, since the connection began."""
    unacknowledged_bytes: int
    """What was written and is not there yet."""
    window_bytes: int
    """How much the viewer's kernel would take when it last spoke."""
    rtt_s: float
    """Shortest time there and back."""
    segment_bytes: int
    """Longest segment. A kernel tells of more room in its window only when another one fits in."""


class Pace:
    """Tells when one viewer has room for the next picture.

    What its program has read is known from the window: it has shrunk by what is unread. The kernel hears of the window
    with acknowledgements only, so that between two of them the viewer is taken to read as fast as it did before.

    Args:
        look: looks at the connection; gives ``None`` where the kernel says nothing, and all is room then.
    """

    def __init__(self, look: Callable[[], Look | None]) -> None:
        self._look = look
        self._window = _Largest()  # the kernel makes it larger and smaller by and by
        self._rate = _ReadingRate()
        self._read_bytes = 0.0
        self._read_at_s = 0.0
        self._sent_bytes = 0
        self._sent_at_s = 0.0
        self._looked_at_s = 0.0
        self._passed_bytes: int | None = None  # what was written when patience let a message pass
        self.passed_was_read = False
        """Whether what patience passed over turned out to have been read, once the next message had come."""
        self._drained_at_s = self._full_at_s = time.monotonic()

    def note_sent(self, size_bytes: int, now_s: float) -> None:
        """Take note of a message that was handed to the kernel."""
        self._sent_bytes, self._sent_at_s = size_bytes, now_s

    @property
    def passed(self) -> bool:
        """Whether it was patience that let the newest message pass: the one before may have been read long ago."""
        return self._passed_bytes is not None

    def has_room(self, now_s: float) -> bool:
        """Return whether the next message may follow."""
        if now_s - self._full_at_s > TRUST_S and now_s - self._looked_at_s < LOOK_S:
            return True
        seen = self._look()
        self._looked_at_s = now_s
        if seen is None:
            return True
        self._learn(seen, now_s)
        if self._fits(seen, now_s):
            return True
        self._full_at_s = now_s
        return False

    def _learn(self, seen: Look, now_s: float) -> None:
        """Note how much the viewer has read, and how fast."""
        before_bytes = self._window.value
        self._window.note(seen.window_bytes + self._just_come_bytes(seen, now_s), now_s)
        if self._window.value != before_bytes:
            self._rate.begin_anew()
        read_bytes = seen.acknowledged_bytes + min(seen.window_bytes - self._window.value, 0)
        if read_bytes > self._read_bytes:
            self._read_bytes, self._read_at_s = read_bytes, now_s
        self._rate.note(self._read_bytes, now_s)
        if self._passed_bytes is not None and seen.acknowledged_bytes > self._passed_bytes:
            self.passed_was_read = self._read_bytes + _untold_bytes(seen) >= self._passed_bytes
            self._passed_bytes = None

    def _just_come_bytes(self, seen: Look, now_s: float) -> float:
        """Return how much of the newest message has come so quickly that it cannot have been read yet."""
        if self._rate.bytes_per_s is None:
            return 0.0
        read_bytes = self._rate.bytes_per_s * (now_s - self._sent_at_s)
        return max(self._sent_bytes - seen.unacknowledged_bytes - read_bytes, 0.0)

    def _fits(self, seen: Look, now_s: float) -> bool:
        rate = self._rate.bytes_per_s
        if rate is None:
            return not seen.unacknowledged_bytes
        written_bytes = seen.acknowledged_bytes + seen.unacknowledged_bytes
        unread_bytes = written_bytes - self._read_bytes - rate * (now_s - self._read_at_s)
        unread_bytes -= _untold_bytes(seen)
        if unread_bytes <= -DRAIN_S * rate:
            self._drained_at_s = now_s
        drains = now_s - self._drained_at_s > WINDOW_S and now_s - self._full_at_s < TRUST_S
        if unread_bytes <= rate * (-DRAIN_S if drains else max(AHEAD_S, 2 * seen.rtt_s)):
            return True
        if seen.unacknowledged_bytes or now_s - self._sent_at_s < PATIENCE_S:
            return False
        self._passed_bytes = written_bytes
        return True


def _untold_bytes(seen: Look) -> int:
    """Return how much room there may be of which the viewer's kernel has not told."""
    return min(2 * seen.segment_bytes, MAX_UNTOLD_BYTES)


class _Largest:
    """The largest of the values of the last seconds: of :data:`WINDOW_S`, and up to twice as many."""

    def __init__(self) -> None:
        self._since_s = time.monotonic()
        self._before = 0.0
        self._now = 0.0

    @property
    def value(self) -> float:
        return max(self._before, self._now)

    def note(self, value: float, now_s: float) -> None:
        if now_s - self._since_s > WINDOW_S:
            self._since_s, self._before, self._now = now_s, self._now, 0.0
        self._now = max(self._now, value)


class _ReadingRate:
    """How fast a viewer reads when it can; often it cannot, so that a lower rate is believed more slowly."""

    def __init__(self) -> None:
        self.bytes_per_s: float | None = None
        """The rate; ``None`` while it is not known."""
        self._from: tuple[float, float] | None = None

    def begin_anew(self) -> None:
        """Forget what is measured just now."""
        self._from = None

    def note(self, read_bytes: float, now_s: float) -> None:
        """Take note of how much the viewer has read since the connection began."""
        if self._from is None:
            self._from = now_s, read_bytes
        from_s, from_bytes = self._from
        if now_s - from_s < RATE_S or read_bytes <= from_bytes:
            return
        rate = (read_bytes - from_bytes) / (now_s - from_s)
        before = rate if self.bytes_per_s is None else self.bytes_per_s
        self.bytes_per_s = before + (RISING_PART if rate > before else FALLING_PART) * (rate - before)
        self._from = now_s, read_bytes


def look_at(connection: socket.socket) -> Look | None:
    """Ask the kernel about a TCP connection; ``None`` where it does not say so much."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    except OSError:
        return None  # it is closed, or no TCP
    if len(info) < _TCP_INFO.size:
        return None
    segment_bytes, taken_bytes, unsent_bytes, rtt_us, sent_bytes, repeated_bytes, window_bytes = _TCP_INFO.unpack(info)
    under_way_bytes = unsent_bytes + sent_bytes - repeated_bytes - taken_bytes
    return Look(taken_bytes, under_way_bytes, window_bytes, rtt_us / 1e6, segment_bytes)
