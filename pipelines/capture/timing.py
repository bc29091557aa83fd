"""The times of frames: when they were captured, that they never run backwards, when they are due or too late."""

from __future__ import annotations

import logging
import math
import time
from collections import deque

log = logging.getLogger(__name__)

WINDOW_S = 120.0
"""Long enough to outlast a backlog, short enough that clocks 50 ppm apart drift by 6 ms only."""
JUMP_S = 10.0
"""A timestamp this far from where the last one leads belongs to a new timeline."""
RESTART_S = 0.1
"""A step back by more than this is a new clock; a smaller one is jitter."""
REORDER_S = 0.25
"""Packets come in the order of decoding: where they have no decoding time, they may go back by this much."""
AHEAD_S = 2.0
"""A live timestamp that is ahead of time itself by more than this is no gap but a clock that was set."""
WRAP_STEP_S = 60.0
"""Where a count in 33 bits begins again, the step across its end is shorter than this."""
LEAP_S = 5.0
"""The same for what is read ahead of its time, as HLS is, and a gap of more is no frame interval."""
RHYTHM = 4.0
"""What is read ahead of its time has no arrival to compare with: a gap of up to so many times the last one is the
rhythm of the source."""
LONGEST_WAIT_S = 60.0
"""No rhythm is slower than this."""
CREEP = 0.25
"""Frames whose times do not grow are this share of a frame interval apart, until the source's own time is ahead."""
SILENCE_S = 1.0
"""When a clock is set after a silence longer than this, the silence counts; otherwise the frame interval does."""
SAY_EVERY_S = 60.0
"""A clock that leaps all the time is mentioned this often."""
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
        return advance_s < -REORDER_S or advance_s - passed_s > self._jump_s


class MonotonicPts:
    """Timestamps of one reader that always grow, whatever the source's own do.

    The measured problem: cameras restart their clock, raw streams carry no timestamps at all, clips are joined end to
    end, and MPEG counts in 33 bits, which FFmpeg continues so that a step back by an hour reads as one ahead by 25; a
    tracker that is fed a negative or absent dt loses its objects.
    """

    def __init__(self, interval_s: float, *, wraps_at_s: float | None = None) -> None:
        """Take the nominal time from frame to frame, and after what time the source's own begins again at 0."""
        self.step_back_s = 0.0
        """By how much the last timestamp went back; 0 where it did not."""
        self._interval_s = interval_s
        self._step_s = interval_s
        self._wraps_at_s = wraps_at_s
        self._raw_s: float | None = None
        self._offset_s = 0.0
        self._last_s: float | None = None

    def next_s(self, raw_s: float | None) -> float:
        """Return the time of the next frame, given the source's own, or ``None`` where it has none."""
        self.step_back_s = 0.0
        if raw_s is not None and self._wraps_at_s is not None:
            raw_s = self._unwrapped_s(raw_s, self._wraps_at_s)
        if self._last_s is None:
            self._last_s = raw_s or 0.0
        elif raw_s is None:
            self._last_s += self._interval_s
        else:
            self._last_s += self._advance_s(raw_s + self._offset_s - self._last_s)
        return self._last_s

    def _unwrapped_s(self, raw_s: float, wraps_at_s: float) -> float:
        """Undo FFmpeg's guess: only a small step across the end of the count is a new round of it."""
        raw_s %= wraps_at_s
        if self._raw_s is not None:
            step_s = raw_s - self._raw_s
            if abs(step_s) > wraps_at_s - WRAP_STEP_S:
                self._offset_s -= math.copysign(wraps_at_s, step_s)
        self._raw_s = raw_s
        return raw_s

    def _advance_s(self, advance_s: float) -> float:
        if advance_s < -RESTART_S:
            self.step_back_s = -advance_s
            self._offset_s += self._step_s - advance_s
            return self._step_s
        if 0 < advance_s < LEAP_S:
            self._step_s = advance_s
        return advance_s if advance_s > 0 else CREEP * self._step_s


class StreamTimeline:
    """A stream's own time, which goes on whatever the timestamps of its successive readers do.

    Across a reconnect as much time passes as really did. A live source's timestamps are a claim, and their arrival is a
    fact: where one is ahead of time itself by seconds, or goes back, the clock was set, and the stream goes on by a
    frame's interval.
    """

    def __init__(self, name: str = "") -> None:
        """Take what the stream is called in the log."""
        self._said = LeapLog(f"stream {name}")
        self._offset_s = 0.0
        self._last: tuple[float, float] | None = None
        self._step_s = 0.0
        self._rhythm_s = 0.0
        self._rebase = False

    def reconnected(self) -> None:
        """Expect the next timestamp from a new reader."""
        self._rebase = True

    def stream_pts_s(
        self, pts_s: float, captured_at_s: float, *, live: bool = False, read_ahead: bool = False
    ) -> float:
        """Return the frame's time in the stream's clock: the first reader's, continued.

        Args:
            pts_s: what its reader says.
            captured_at_s: when it reached this machine.
            live: whether time ahead of arrival is absurd; a file may have gaps of any length.
            read_ahead: whether the source is read faster than it plays, so that arrival says little.
        """
        stream_s = pts_s + self._offset_s
        if self._last is not None:
            last_s, last_captured_at_s = self._last
            passed_s = max(captured_at_s - last_captured_at_s, 0.0)
            if self._rebase:
                stream_s = last_s + passed_s
                self._offset_s = stream_s - pts_s
            elif self._leaps(stream_s - last_s, passed_s, live=live, read_ahead=read_ahead):
                self._said.leap(stream_s - last_s)
                stream_s = last_s + (self._step_s if self._step_s and passed_s < SILENCE_S else passed_s)
                self._offset_s = stream_s - pts_s
            else:
                self._note_step(stream_s - last_s)
                stream_s = max(stream_s, last_s)
        self._rebase = False
        self._last = (stream_s, captured_at_s)
        return stream_s

    def _leaps(self, advance_s: float, passed_s: float, *, live: bool, read_ahead: bool) -> bool:
        """Say whether a timestamp went back, or is absurdly ahead of what has really passed."""
        limit_s = min(max(LEAP_S, RHYTHM * self._rhythm_s), LONGEST_WAIT_S) if read_ahead else AHEAD_S
        self._rhythm_s = max(advance_s, 0.0)
        return advance_s < -RESTART_S or (live and advance_s - passed_s > limit_s)

    def _note_step(self, advance_s: float) -> None:
        if 0 < advance_s < LEAP_S:
            self._step_s = advance_s


class LeapLog:
    """Says that a source's timestamps leapt, but not for every frame of one that leaps all the time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._silent_until_s = float("-inf")

    def leap(self, advance_s: float) -> None:
        """Say by how much, ahead or back."""
        now_s = time.monotonic()
        if now_s >= self._silent_until_s:
            self._silent_until_s = now_s + SAY_EVERY_S
            where = "ahead" if advance_s > 0 else "back"
            log.warning(
                "%s: its timestamps leapt %s by %s; its time goes on", self._name, where, span_text(abs(advance_s))
            )


def span_text(span_s: float) -> str:
    """Return a length of time in words.

    >>> span_text(7200), span_text(90.0), span_text(1.25)
    ('2.0 h', '1.5 min', '1.2 s')
    """
    for unit_s, unit in ((3600.0, "h"), (60.0, "min")):
        if span_s >= unit_s:
            return f"{span_s / unit_s:.1f} {unit}"
    return f"{span_s:.1f} s"


class Pacer:
    """Plays at its own speed what could be read faster: waits for each frame's time, counted from the first."""

    def __init__(self) -> None:
        self._start_s: float | None = None

    def due_in_s(self, pts_s: float) -> float:
        """Return in how many seconds the frame is due; 0 where it is now."""
        now_s = time.monotonic()
        if self._start_s is None or now_s - (self._start_s + pts_s) > LATE_S:
            self._start_s = now_s - pts_s
        return max(self._start_s + pts_s - now_s, 0.0)


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
