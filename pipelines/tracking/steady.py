"""Our own combination, and the default: two-stage association of a time-aware, smoothed filter.

It grew from ByteTrack (Zhang et al., ECCV 2022, https://arxiv.org/abs/2110.06864), algorithm 1: strong detections are
associated first, with tracked and lost tracks; weak ones then continue what is still unmatched, since an occluded
object is found with a low score rather than not at all. What differs, and what each was worth on the sequences that
``docs/tracking.md`` names:

- A track's box is the filtered one (+1.0 HOTA), and the filter trusts a detection by its score.
- The overlap of the first association is weighted by the score (+1.7 HOTA on noisy detections).
- Weak detections may continue lost tracks too, not only those seen on the frame before (+1.3 HOTA on noisy
  detections).
- Confirmation by score and time: sure objects have their identity within two frames, unsure ones in half a second.
"""

from __future__ import annotations

from typing import Any

from pipelines.tracking.assignment import Pairing
from pipelines.tracking.kalman import POSITION, xyxy_from_cxcywh
from pipelines.tracking.lifecycle import BoxTracker
from streamvision.detections import Detections


class SteadyTracker(BoxTracker):
    """Tracker of one stream; see :class:`pipelines.tracking.base.Tracker`.

    Args:
        high_score: lowest score of the first association.
        high_match: least overlap of the first association, IoU times score.
        low_match: least overlap of the second association, IoU.
        new_match: least overlap for continuing an unconfirmed track, IoU times score.
        life: of tracks in general; see :class:`pipelines.tracking.lifecycle.BoxTracker`.
    """

    def __init__(
        self,
        *,
        high_score: float = 0.5,
        high_match: float = 0.2,
        low_match: float = 0.4,
        new_match: float = 0.1,
        **life: Any,
    ) -> None:
        super().__init__(**life)
        self._high_score = high_score
        self._high_match = high_match
        self._low_match = low_match
        self._new_match = new_match

    def _associate(self, detections: Detections, pairing: Pairing) -> None:
        track, detection, iou = self._candidates(detections, xyxy_from_cxcywh(self._state[POSITION]))
        weighted = iou * detections.score[detection]
        high = (detections.score >= self._high_score)[detection]
        confirmed = self._tracks["confirmed"][track]
        stages = (
            (confirmed & high, weighted, self._high_match),
            (confirmed & ~high, iou, self._low_match),
            (~confirmed, weighted, self._new_match),
        )
        for allowed, similarity, at_least in stages:
            pairing.settle(track[allowed], detection[allowed], similarity[allowed], at_least=at_least)
