"""ByteTrack as its paper has it, in seconds instead of frames.

After Zhang et al., *ByteTrack: Multi-Object Tracking by Associating Every Detection Box*, ECCV 2022
(https://arxiv.org/abs/2110.06864), algorithm 1: strong detections are associated first, with tracked and lost tracks;
weak ones then continue what was seen on the frame before and is still unmatched. Thresholds are those of its code.
"""

from __future__ import annotations

from typing import Any

from pipelines.tracking.assignment import Pairing
from pipelines.tracking.kalman import POSITION, xyxy_from_cxcywh
from pipelines.tracking.lifecycle import BoxTracker
from streamvision.detections import Detections


class ByteTrack(BoxTracker):
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
        low_match: float = 0.5,
        new_match: float = 0.3,
        **life: Any,
    ) -> None:
        super().__init__(**{"confirm_s": 0.0, "unsure_confirm_s": float("inf"), "smooth": False, **life})
        self._high_score = high_score
        self._high_match = high_match
        self._low_match = low_match
        self._new_match = new_match

    def _associate(self, detections: Detections, pairing: Pairing) -> None:
        track, detection, iou = self._candidates(detections, xyxy_from_cxcywh(self._state[POSITION]))
        weighted = iou * detections.score[detection]
        high = (detections.score >= self._high_score)[detection]
        confirmed, lost = self._tracks["confirmed"][track], self._tracks["lost"][track]
        stages = (
            (confirmed & high, weighted, self._high_match),
            (confirmed & ~high & ~lost, iou, self._low_match),
            (~confirmed & high, weighted, self._new_match),
        )
        for allowed, similarity, at_least in stages:
            pairing.settle(track[allowed], detection[allowed], similarity[allowed], at_least=at_least)
