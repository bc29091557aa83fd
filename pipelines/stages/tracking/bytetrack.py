"""ByteTrack as its paper has it, in seconds instead of frames; see :mod:`pipelines.stages.tracking.two_stage`.

Thresholds are those of its code. Weak detections continue only what was seen on the frame before, the reported box is
the detected one, and two detections confirm a track.
"""

from __future__ import annotations

from typing import Any

from pipelines.stages.tracking.two_stage import TwoStageTracker


class ByteTrack(TwoStageTracker):
    """Two stages as in the paper; the arguments are those of :class:`TwoStageTracker`."""

    def __init__(self, *, low_match: float = 0.5, new_match: float = 0.3, **settings: Any) -> None:
        own = {"confirm_s": 0.0, "unsure_confirm_s": float("inf"), "smooth": False}
        own |= {"low_finds_lost": False, "low_continues_new": False}
        super().__init__(low_match=low_match, new_match=new_match, **{**own, **settings})
