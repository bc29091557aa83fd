"""How wide the video of one stream may be for one viewer: what its link takes in time, and no more.

A viewer whose link is too slow for a layer would be skipped from key frame to key frame for ever, and each picture that
it sees would be old: 1080p (300 kB/s) over 40 kB/s takes 8 s for a second of video. So it goes down as soon as it is
known how fast the link is, straight to what fits. Going up is a trial, since nothing but more bytes shows whether there
is room for them: it waits longer each time that it fails, unless the link was seen to have the room.
"""

from __future__ import annotations

from collections import deque

from streamvision.web.widths import STEPS_PX

MARGIN = 0.75
"""What part of a link's rate is planned with: key frames and moving scenes need the rest."""
BYTES_EXPONENT = 1.6
"""The bytes of a video grow with its width to this power: less than its area does."""
SKIPS = 2
"""So many skips within :data:`WITHIN_S` are too many, whatever is known of the link; one may be a pause of it."""
WITHIN_S = 10.0
SETTLE_S = 2.0
"""After a change skips say nothing for so long: what was sent before is under way still."""
SURE_S = 3.0
"""A wider video is tried after so long without a skip where the link was seen to be fast enough."""
RETURN_S = 8.0
"""The same where that is not known."""
MAX_RETURN_S = 60.0
"""The same where trials failed; the time doubles with each."""
TRIAL_S = 15.0
"""A trial fails where the viewer is skipped within this time."""
FORGET_S = 120.0
"""How fast a link was is forgotten after this."""

RATE_S = 4.0
"""Over how long the rate of a layer is measured: as far as its key frames are apart."""
_BUCKET_S = 0.25
BUSY_S = 2.0
"""Over how long the rate of a link is measured, counting only when it was busy."""
MIN_BUSY_S = 0.3
KNOWN_S = 10.0
"""For how long that says anything."""
STALL_S = 1.0
"""Of a time in which nothing comes through, no more than this counts: a pause says nothing of how fast a link is."""


class LayerChoice:
    """That of one stream of one viewer. Times are those of ``time.monotonic()``, rates are bytes a second."""

    def __init__(self) -> None:
        self.limit_px: int | None = None
        """Widest video to send; ``None``: as asked for."""
        self._skipped_at_s: list[float] = []
        self._changed_at_s = -SETTLE_S
        self._raised_at_s = -TRIAL_S
        self._raised_from_px: int | None = None
        self._return_s = RETURN_S
        self._link_bytes_s: float | None = None
        self._link_seen_at_s = 0.0
        self._needed_bytes_s: dict[int | None, float] = {}  # by limit, where the viewer was skipped

    def note_skip(
        self,
        now_s: float,
        *,
        width_px: int,
        wanted_bytes_s: float | None = None,
        taken_bytes_s: float | None = None,
    ) -> bool:
        """Learn that packets had to be left out; return whether the limit has changed.

        Args:
            now_s: the present time.
            width_px: how wide the video is that the viewer gets now.
            wanted_bytes_s: what all that it is to get amounts to; ``None`` where it is not known.
            taken_bytes_s: what its link took while it was behind; ``None`` where it is not known.
        """
        if now_s - self._changed_at_s < SETTLE_S:
            return False
        self._skipped_at_s = [at_s for at_s in self._skipped_at_s if now_s - at_s < WITHIN_S] + [now_s]
        narrower = [step for step in STEPS_PX if step < width_px]
        if not narrower:
            return False
        chosen_px: int | None = None
        if wanted_bytes_s and taken_bytes_s is not None and taken_bytes_s < wanted_bytes_s:
            self._link_bytes_s, self._link_seen_at_s = taken_bytes_s, now_s
            self._needed_bytes_s[self.limit_px] = wanted_bytes_s
            fitting_px = width_px * (MARGIN * taken_bytes_s / wanted_bytes_s) ** (1 / BYTES_EXPONENT)
            chosen_px = max((step for step in narrower if step <= fitting_px), default=narrower[0])
        elif len(self._skipped_at_s) >= SKIPS:
            chosen_px = narrower[-1]
        if chosen_px is None:
            return False
        if now_s - self._raised_at_s < TRIAL_S:
            self._return_s = min(2 * self._return_s, MAX_RETURN_S)
            if self._raised_from_px in narrower:  # it was enough there
                chosen_px = self._raised_from_px
            self._raised_at_s = now_s - TRIAL_S  # a second fall is no fault of the trial
        self._set(chosen_px, now_s)
        return True

    def note_time(self, now_s: float, *, width_px: int | None = None, wanted_bytes_s: float | None = None) -> bool:
        """Learn that time has gone by; return whether the limit has changed.

        Args:
            now_s: the present time.
            width_px: how wide the video is that the viewer gets now; ``None`` where that is not known.
            wanted_bytes_s: what all that it is to get amounts to.
        """
        if self.limit_px is None:
            return False
        if now_s - self._raised_at_s >= TRIAL_S and self._raised_at_s == self._changed_at_s:
            self._return_s = RETURN_S  # the last trial was none in vain
        quiet_s = now_s - max(self._changed_at_s, self._skipped_at_s[-1] if self._skipped_at_s else 0.0)
        wider_px = min((step for step in STEPS_PX if step > self.limit_px), default=None)
        if self._surely_fits(wider_px, now_s, width_px, wanted_bytes_s):
            needed_s = SURE_S
        else:
            needed_s = max(self._return_s, TRIAL_S if self._raised_at_s == self._changed_at_s else 0.0)
        if quiet_s < needed_s:
            return False
        self._raised_at_s, self._raised_from_px = now_s, self.limit_px
        self._set(wider_px, now_s)
        return True

    def _surely_fits(
        self, wider_px: int | None, now_s: float, width_px: int | None, wanted_bytes_s: float | None
    ) -> bool:
        if self._link_bytes_s is None or now_s - self._link_seen_at_s > FORGET_S or not (width_px and wanted_bytes_s):
            return False
        tried_px = wider_px or 2 * width_px
        growth: float = max(tried_px / width_px, 1.0) ** BYTES_EXPONENT
        return max(growth * wanted_bytes_s, self._needed_bytes_s.get(wider_px, 0.0)) < MARGIN * self._link_bytes_s

    def _set(self, limit_px: int | None, now_s: float) -> None:
        self.limit_px, self._changed_at_s = limit_px, now_s
        self._skipped_at_s.clear()


class ByteRate:
    """How many bytes a second something has been over the last seconds."""

    def __init__(self) -> None:
        self._begun_at_s: float | None = None
        self._buckets: deque[tuple[float, int]] = deque()

    def note(self, size_bytes: int, now_s: float) -> None:
        """Take note of what has just come."""
        if self._begun_at_s is None:
            self._begun_at_s = now_s
        if self._buckets and now_s - self._buckets[-1][0] < _BUCKET_S:
            self._buckets[-1] = self._buckets[-1][0], self._buckets[-1][1] + size_bytes
        else:
            self._buckets.append((now_s, size_bytes))
        self._forget(now_s)

    def per_s(self, now_s: float) -> float:
        """Return the rate, in bytes a second; over a second at least, so that a first key frame is not all."""
        self._forget(now_s)
        if self._begun_at_s is None:
            return 0.0
        over_s = min(max(now_s - self._begun_at_s, 1.0), RATE_S)
        return sum(size_bytes for _, size_bytes in self._buckets) / over_s

    def _forget(self, now_s: float) -> None:
        while self._buckets and now_s - self._buckets[0][0] > RATE_S:
            self._buckets.popleft()


class TakenRate:
    """How fast a viewer's link takes bytes, as far as it had something to take all the time."""

    def __init__(self) -> None:
        self._steps: deque[tuple[float, float, int]] = deque()  # when, for how long, and how much it took
        self._taken_bytes: int | None = None
        self._waiting_bytes = 0
        self._since_s = 0.0

    def note(self, taken_bytes: int, waiting_bytes: int, now_s: float) -> None:
        """Learn how much it has taken so far, and how much waits for it now."""
        before_bytes = self._taken_bytes
        if before_bytes is not None and taken_bytes == before_bytes and waiting_bytes:
            return  # nothing came through: that may be a pause, or a slow link
        if before_bytes is not None and 0 < taken_bytes - before_bytes <= self._waiting_bytes:
            self._steps.append((now_s, min(now_s - self._since_s, STALL_S), taken_bytes - before_bytes))
        self._taken_bytes, self._waiting_bytes, self._since_s = taken_bytes, waiting_bytes, now_s
        while self._steps and (self._busy_s() - self._steps[0][1] > BUSY_S or now_s - self._steps[0][0] > KNOWN_S):
            self._steps.popleft()

    @property
    def bytes_per_s(self) -> float | None:
        """The rate; ``None`` where the link was not busy long enough to tell."""
        busy_s = self._busy_s()
        return sum(step[2] for step in self._steps) / busy_s if busy_s >= MIN_BUSY_S else None

    def _busy_s(self) -> float:
        return sum(step[1] for step in self._steps)
