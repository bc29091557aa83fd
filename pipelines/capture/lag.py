"""When a live source is decoded too slowly: skip to the next key frame instead of falling ever further behind.

The measured problem: a camera does not wait. A decoder that needs 50 ms for a frame every 40 ms is a minute late after
four minutes, until a buffer overflows and the server drops the session.
"""

from __future__ import annotations

import math

BEHIND_S = 1.0
"""Waiting longer than this in buffers is a backlog, not jitter."""
CAUGHT_UP_S = 0.3
"""A backlog is gone when no more than this is left of it."""
SHOW_EVERY_S = 1.0
"""While skipping, one key frame in this time is decoded all the same, so that the picture moves."""
MEMORY_S = 0.5
"""Over about this time the share of waiting is judged."""
IDLE_SHARE = 0.1
"""A reader that spends more than this share of its time waiting for data has emptied the buffers: whatever age its
packets have, they got it on the way."""


class LagGuard:
    """Decides packet by packet; feed it every packet, then ask."""

    def __init__(self) -> None:
        self._skipping = False
        self._age_s = 0.0
        self._now_s: float | None = None
        self._waited_s = 0.0
        self._passed_s = 0.0
        self._shown_at_s = float("-inf")

    def observe(self, *, waited_s: float, age_s: float, now_s: float) -> None:
        """Take how long the read of the next packet waited, how old that packet is, and the time."""
        passed_s = now_s - self._now_s if self._now_s is not None else waited_s
        fade = math.exp(-passed_s / MEMORY_S)
        self._waited_s = self._waited_s * fade + waited_s
        self._passed_s = self._passed_s * fade + passed_s
        self._age_s, self._now_s = age_s, now_s

    def skips(self, is_keyframe: bool) -> bool:
        """Say whether this packet is not worth decoding."""
        queued = self._waited_s <= IDLE_SHARE * self._passed_s
        if not self._skipping:
            self._skipping = queued and self._age_s > BEHIND_S
        elif is_keyframe and (self._age_s <= CAUGHT_UP_S or not queued):
            self._skipping = False
        now_s = self._now_s or 0.0
        if self._skipping and is_keyframe and now_s - self._shown_at_s >= SHOW_EVERY_S:
            self._shown_at_s = now_s
            return False
        return self._skipping
