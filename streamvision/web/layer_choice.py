"""How wide the video of one stream may be for one viewer, by how often it had to be skipped.

A viewer whose link is too slow for a layer would be skipped from key frame to key frame for ever: a smaller one is
better for it. One that was skipped once, by a pause of its network, keeps what it has.
"""

from __future__ import annotations

from streamvision.web.widths import STEPS_PX

SKIPS = 2
"""So many skips within :data:`WITHIN_S` are too many."""
WITHIN_S = 10.0
RETURN_S = 20.0
"""A wider video is tried after so long without a skip."""
MAX_RETURN_S = 320.0
"""The same where trials failed; the time doubles with each."""
TRIAL_S = 15.0
"""A step up fails where the viewer is skipped too often within this time."""


class LayerChoice:
    """Times are those of ``time.monotonic()``."""

    def __init__(self) -> None:
        self.limit_px: int | None = None
        """Widest video to send; ``None``: as asked for."""
        self._skipped_at_s: list[float] = []
        self._changed_at_s = 0.0
        self._raised_at_s = -TRIAL_S
        self._return_s = RETURN_S

    def note_skip(self, now_s: float, *, width_px: int) -> bool:
        """Learn that packets had to be left out; return whether the limit has changed.

        Args:
            now_s: the present time.
            width_px: how wide the video is that the viewer gets now.
        """
        self._skipped_at_s = [at_s for at_s in self._skipped_at_s if now_s - at_s < WITHIN_S] + [now_s]
        narrower = max((step for step in STEPS_PX if step < width_px), default=None)
        if len(self._skipped_at_s) < SKIPS or narrower is None:
            return False
        if now_s - self._raised_at_s < TRIAL_S:
            self._return_s = min(2 * self._return_s, MAX_RETURN_S)
        self._set(narrower, now_s)
        return True

    def note_time(self, now_s: float) -> bool:
        """Learn that time has gone by; return whether the limit has changed."""
        last_s = max(self._changed_at_s, self._skipped_at_s[-1] if self._skipped_at_s else 0.0)
        if self.limit_px is None or now_s - last_s < self._return_s:
            return False
        self._raised_at_s = now_s
        self._set(min((step for step in STEPS_PX if step > (self.limit_px or 0)), default=None), now_s)
        return True

    def _set(self, limit_px: int | None, now_s: float) -> None:
        self.limit_px, self._changed_at_s = limit_px, now_s
        self._skipped_at_s.clear()
