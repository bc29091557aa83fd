"""In which widths pictures are sent: a few steps, so that many viewers share what is encoded.

Measured: at 40 kB/s a picture of 1280x720 (100 kB) is under way for 2.5 s, one of 320x180 (9 kB) for 0.2 s.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

STEPS_PX = (160, 320, 480, 640, 960, 1280)
"""Widths of scaled pictures, in pixels."""

TAKE_S = 0.35
"""Longest time that a viewer should need for a picture."""
ROUND_S = 1.0
"""Longest time that it should need for a picture of each of its streams."""
MARGIN = 0.85
"""What part of those times a width is chosen for, so that it is not given up again at once."""
NEWEST_PART = 0.25
"""How much the newest picture counts, beside all before it."""
QUICKER_PART = 0.5
"""The same of one that was quicker than those before: at one picture a second they must not count for long."""
MAX_SLOWNESS = 8.0
"""Slower than this is not told apart, so that one picture that took very long is soon forgotten."""
BYTES_EXPONENT = 1.6
"""The size of a JPEG file grows with the width to this power: less than its area does."""
NEXT_STEP_S = 1.0
"""A wider picture is tried after so long without trouble."""
HOLD_S = 4.0
"""The same for a width that was too slow before."""
MAX_HOLD_S = 16.0
"""The same where the last trials of that width failed."""


def step_for(width_px: int) -> int | None:
    """Return the step for pictures that are shown so wide, the next larger one; ``None``: in full size."""
    index = bisect_left(STEPS_PX, width_px)
    return STEPS_PX[index] if index < len(STEPS_PX) else None


@dataclass(frozen=True)
class PictureSizes:
    """In which sizes pictures are asked for."""

    width_px: int | None = None
    """Step of width of all streams' pictures; ``None``: full size."""
    widths_px: Mapping[str, int | None] = field(default_factory=dict)
    """The same of single streams, by their ids."""
    adapts: bool = True
    """Whether a viewer that is slow gets smaller ones."""

    def of(self, stream_id: str) -> int | None:
        """Return the step of width that is asked for; ``None``: full size."""
        return self.widths_px.get(stream_id, self.width_px)


AS_THEY_ARE = PictureSizes()
"""In full size, as long as the viewer can take that."""


@dataclass(frozen=True)
class Taken:
    """How a picture went its way to a viewer, in seconds; clocks are ``time.monotonic()``."""

    take_s: float
    """How long it was under way; 0 where that was too short to be seen."""
    sent_at_s: float
    """When it was sent."""
    at_s: float
    """When it had arrived."""


class WidthControl:
    """Chooses the widest pictures that one viewer takes in time."""

    def __init__(self) -> None:
        self.limit_px: int | None = None
        """Widest pictures to send; ``None``: as wide as they were asked for."""
        self._changed_at_s = -MAX_HOLD_S
        self._raised_at_s = -MAX_HOLD_S
        self._raised_from_px: int | None = None
        self._slow_px: int | None = None  # the narrowest pictures that are known to be too slow
        self._hold_s = HOLD_S
        self._slowness: float | None = None

    def note_taken(self, taken: Taken, widest_px: int, *, streams: int = 1) -> None:
        """Learn how long a picture was under way, and choose anew.

        Args:
            taken: the picture's way.
            widest_px: widest pictures that the viewer is sent at present.
            streams: how many streams it watches.
        """
        now_s = taken.at_s
        if taken.sent_at_s < self._changed_at_s:
            return  # it is of the former width
        newest = min(max(taken.take_s / TAKE_S, taken.take_s * streams / ROUND_S), MAX_SLOWNESS)
        before = newest if self._slowness is None else self._slowness
        self._slowness = before + (NEWEST_PART if newest > before else QUICKER_PART) * (newest - before)
        if self._slowness > 1.0:
            self._reduce(self._slowness, widest_px, now_s)
        elif self.limit_px is not None:
            self._raise(self.limit_px, self._slowness, now_s)

    def _reduce(self, slowness: float, widest_px: int, now_s: float) -> None:
        narrower = [step for step in STEPS_PX if step < widest_px]
        if not narrower:  # whatever makes it slow, it is not the width: no trial that failed says anything
            self._slow_px, self._hold_s = None, HOLD_S
            return
        failed = self._raised_from_px in narrower and now_s - self._raised_at_s < 2 * HOLD_S
        again = failed and widest_px == self._slow_px
        self._hold_s = min(2 * self._hold_s, MAX_HOLD_S) if again else HOLD_S
        self._slow_px = widest_px
        fitting_px = widest_px * (MARGIN / slowness) ** (1 / BYTES_EXPONENT)
        fitting = max([step for step in narrower if step <= fitting_px], default=narrower[0])
        self._set(self._raised_from_px if failed else fitting, now_s)

    def _raise(self, limit_px: int, slowness: float, now_s: float) -> None:
        wider_px = step_for(limit_px + 1)
        tried_px = wider_px or 2 * limit_px
        was_slow = self._slow_px is not None and limit_px < self._slow_px <= tried_px
        if now_s - self._changed_at_s < (self._hold_s if was_slow else NEXT_STEP_S):
            return
        if slowness * (tried_px / limit_px) ** BYTES_EXPONENT < MARGIN:
            self._raised_at_s, self._raised_from_px = now_s, limit_px
            self._set(wider_px, now_s)

    def _set(self, limit_px: int | None, now_s: float) -> None:
        self.limit_px = limit_px
        self._changed_at_s = now_s
        self._slowness = None
