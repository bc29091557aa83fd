"""The times of frames: when they were captured, that they never run backwards, when they are due or too late."""

from __future__ import annotations

import math
import threading
import time
from collections import deque

WINDOW_S = 120.0
"""Long enough to outlast a backlog, short enough that clocks 50 ppm apart drift by 6 ms only."""
JUMP_S = 10.0
"""A timestamp this far from where the last one leads belongs to a new timeline."""
RESTART_S = 1.0
"""A step back by more than this is a new clock; a smaller one is jitter and is flattened."""
LATE_S = 0.5
"""Whoever is later than this does not race to catch up: the schedule moves instead."""
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


class CaptureClock:
    """When a live frame really reached this machine, though its data may have waited in buffers since.

    The measured problem: when decoding falls behind, the data queues in the kernel's and FFmpeg's buffers, and a frame
    that is read late looks fresh if its age counts from the read. The frame's own timestamp knows better: on the
    fastest of recent frames the offset between our clock and the source's is the true one, and whatever a frame comes
    later than that is time it spent waiting (the same estimate as in NTP's clock filter, RFC 5905, section 10). Kept is
    the minimum of arrival minus timestamp over a sliding window: one small record per candidate, bounded.
    """

    def __init__(self, *, window_s: float = WINDOW_S, jump_s: float = JUMP_S, capacity: int = 4096) -> None:
        self._window_s = window_s
        self._jump_s = jump_s
        self._candidates: deque[tuple[float, float]] = deque(maxlen=capacity)
        self._last: tuple[float, float] | None = None

    def captured_at_s(self, pts_s: float, arrival_s: float) -> float:
        """Return when the frame should have arrived had nothing held it up; never later than it did.

        Args:
            pts_s: its timestamp in the source's clock.
            arrival_s: when it was read, on ``time.monotonic()``; does not decrease from call to call.
        """
        if self._last is not None and self._is_jump(pts_s, arrival_s):
            self._candidates.clear()
        self._last = (pts_s, arrival_s)
        offset_s = arrival_s - pts_s
        while self._candidates and self._candidates[0][0] < arrival_s - self._window_s:
            self._candidates.popleft()
        while self._candidates and self._candidates[-1][1] >= offset_s:
            self._candidates.pop()
        self._candidates.append((arrival_s, offset_s))
        return pts_s + self._candidates[0][1]

    def _is_jump(self, pts_s: float, arrival_s: float) -> bool:
        """Say whether the timestamp went back, or ahead by far more than time has passed."""
        assert self._last is not None
        advance_s, passed_s = pts_s - self._last[0], arrival_s - self._last[1]
        return advance_s < -1.0 or advance_s - passed_s > self._jump_s


class MonotonicPts:
    """Timestamps of one reader that never decrease, whatever the source's own do.

    The measured problem: cameras restart their clock, raw streams carry no timestamps at all, and after a reconnect
    RTSP counts from 0 again; a tracker that is fed a negative or absent dt loses its objects.
    """

    def __init__(self, interval_s: float) -> None:
        """Take the nominal time from frame to frame, used where timestamps are missing."""
        self._interval_s = interval_s
        self._offset_s = 0.0
        self._last_s: float | None = None

    def next_s(self, raw_s: float | None) -> float:
        """Return the time of the next frame, given the source's own, or ``None`` where it has none."""
        if self._last_s is None:
            self._last_s = raw_s if raw_s is not None else 0.0
        elif raw_s is None:
            self._last_s += self._interval_s
        else:
            if self._last_s - (raw_s + self._offset_s) > RESTART_S:
                self._offset_s = self._last_s + self._interval_s - raw_s
            self._last_s = max(raw_s + self._offset_s, self._last_s)
        return self._last_s


class StreamTimeline:
    """Joins the timestamps of a stream's successive readers: across a reconnect, as much time passes as really did."""

    def __init__(self) -> None:
        self._offset_s = 0.0
        self._last: tuple[float, float] | None = None
        self._rebase = False

    def reconnected(self) -> None:
        """Expect the next timestamp from a new reader."""
        self._rebase = True

    def stream_pts_s(self, pts_s: float, captured_at_s: float) -> float:
        """Return the frame's time in the stream's clock: the first reader's, continued."""
        if self._rebase and self._last is not None:
            last_pts_s, last_captured_at_s = self._last
            self._offset_s = last_pts_s + max(captured_at_s - last_captured_at_s, 0.0) - pts_s
        self._rebase = False
        stream_s = pts_s + self._offset_s
        if self._last is not None:
            stream_s = max(stream_s, self._last[0])
        self._last = (stream_s, captured_at_s)
        return stream_s


class Pacer:
    """Plays at its own speed what could be read faster: waits for each frame's time, counted from the first."""

    def __init__(self) -> None:
        self._start_s: float | None = None

    def wait(self, pts_s: float, stop: threading.Event) -> None:
        """Return when the frame is due, or at once when ``stop`` is set."""
        now_s = time.monotonic()
        if self._start_s is None or now_s - (self._start_s + pts_s) > LATE_S:
            self._start_s = now_s - pts_s
        stop.wait(max(self._start_s + pts_s - now_s, 0.0))


class LagGuard:
    """When a live source is decoded too slowly, skips to the next key frame instead of falling ever further behind.

    The measured problem: a camera does not wait. A decoder that needs 50 ms for a frame every 40 ms is a minute late
    after four minutes, until a buffer overflows and the server drops the session. Feed it every packet, then ask.
    """

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
