"""The association in two stages that ByteTrack introduced, and ByteTrack itself.

After Zhang et al., *ByteTrack: Multi-Object Tracking by Associating Every Detection Box*, ECCV 2022
(https://arxiv.org/abs/2110.06864), algorithm 1: strong detections are associated first, with tracked and lost tracks;
weak ones then continue what is still unmatched, since an occluded object is found with a low score rather than not at
all; unconfirmed tracks come last.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.stages.tracking.assignment import Pairing, Rows
from pipelines.stages.tracking.kalman import POSITION, Float, xyxy_from_cxcywh
from pipelines.stages.tracking.lifecycle import BoxTracker, Measured


class TwoStageTracker(BoxTracker):
    """Tracker of one stream; see :class:`pipelines.stages.tracking.registry.Tracker`.

    Args:
        high_score: lowest score of the first association.
        high_match: least overlap of the first association, IoU times score.
        low_match: least overlap of the second association, IoU.
        new_match: least overlap for continuing an unconfirmed track, IoU times score.
        low_finds_lost: let weak detections continue tracks that were not seen on the frame before.
        low_continues_new: let weak detections continue unconfirmed tracks.
        life: of tracks in general; see :class:`pipelines.stages.tracking.lifecycle.BoxTracker`.
    """

    def __init__(
        self,
        *,
        high_score: float = 0.5,
        high_match: float = 0.2,
        low_match: float,
        new_match: float,
        low_finds_lost: bool = True,
        low_continues_new: bool = True,
        **life: Any,
    ) -> None:
        super().__init__(**life)
        self._high_score = high_score
        self._high_match = high_match
        self._low_match = low_match
        self._new_match = new_match
        self._low_finds_lost = low_finds_lost
        self._low_continues_new = low_continues_new

    def _associate(self, measured: Measured, pairing: Pairing) -> None:
        detections = measured.detections
        track, detection, iou = self._candidates(detections, xyxy_from_cxcywh(self._state[POSITION]))
        if not len(track):
            return
        score = detections.score[detection]
        iou, weighted = self._similarity(measured, track, detection, iou)
        high, confirmed = score >= self._high_score, self._tracks["confirmed"][track]
        pairing.settle(track, detection, weighted, at_least=self._high_match, among=confirmed & high)
        if np.count_nonzero(high) < len(high):
            low = confirmed & ~high
            if not self._low_finds_lost:
                low &= ~self._tracks["lost"][track]
            pairing.settle(track, detection, iou, at_least=self._low_match, among=low)
        if np.count_nonzero(confirmed) < len(confirmed):
            new = ~confirmed if self._low_continues_new else ~confirmed & high
            pairing.settle(track, detection, weighted, at_least=self._new_match, among=new)

    def _similarity(self, measured: Measured, track: Rows, detection: Rows, iou: Float) -> tuple[Float, Float]:
        """Return (P,) how well these pairs agree, and (P,) the same with how sure the detections are."""
        return iou, iou * measured.detections.score[detection]


class ByteTrack(TwoStageTracker):
    """ByteTrack as its paper has it, in seconds instead of frames, with the thresholds of its code.

    Weak detections continue only what was seen on the frame before, the reported box is the detected one, and two
    detections confirm a track. The arguments are those of :class:`TwoStageTracker`.
    """

    def __init__(self, *, low_match: float = 0.5, new_match: float = 0.3, **settings: Any) -> None:
        own = {"confirm_s": 0.0, "unsure_confirm_s": float("inf"), "smooth": False}
        own |= {"low_finds_lost": False, "low_continues_new": False}
        super().__init__(low_match=low_match, new_match=new_match, **{**own, **settings})
