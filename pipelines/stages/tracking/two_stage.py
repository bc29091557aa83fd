"""The association in two stages that ByteTrack introduced, for all trackers that follow it.

After Zhang et al., *ByteTrack: Multi-Object Tracking by Associating Every Detection Box*, ECCV 2022
(https://arxiv.org/abs/2110.06864), algorithm 1: strong detections are associated first, with tracked and lost tracks;
weak ones then continue what is still unmatched, since an occluded object is found with a low score rather than not at
all; unconfirmed tracks come last.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pipelines.stages.tracking.assignment import Pairing
from pipelines.stages.tracking.kalman import POSITION, xyxy_from_cxcywh
from pipelines.stages.tracking.lifecycle import BoxTracker, Mask
from streamvision.core.detections import Detections


class Allowed(NamedTuple):
    """Which pairs of tracks and detections each stage may settle, (P,) each."""

    strong: Mask
    """Confirmed tracks and strong detections."""
    weak: Mask
    """Confirmed tracks and weak detections."""
    unconfirmed: Mask
    """Tracks that have no identity yet."""


class TwoStageTracker(BoxTracker):
    """Tracker of one stream; see :class:`pipelines.stages.tracking.base.Tracker`.

    Args:
        high_score: lowest score of the first association.
        high_match: least overlap of the first association, IoU times score.
        low_match: least overlap of the second association, IoU.
        new_match: least overlap for continuing an unconfirmed track, IoU times score.
        life: of tracks in general; see :class:`pipelines.stages.tracking.lifecycle.BoxTracker`.
    """

    def __init__(
        self, *, high_score: float = 0.5, high_match: float = 0.2, low_match: float, new_match: float, **life: Any
    ) -> None:
        super().__init__(**life)
        self._high_score = high_score
        self._high_match = high_match
        self._low_match = low_match
        self._new_match = new_match

    def _allowed(self, *, high: Mask, confirmed: Mask, lost: Mask) -> Allowed:
        """Say what each stage may settle, by what detection and track of each pair are."""
        return Allowed(confirmed & high, confirmed & ~high, ~confirmed)

    def _associate(self, detections: Detections, pairing: Pairing) -> None:
        track, detection, iou = self._candidates(detections, xyxy_from_cxcywh(self._state[POSITION]))
        weighted = iou * detections.score[detection]
        tracks = self._tracks
        high = (detections.score >= self._high_score)[detection]
        allowed = self._allowed(high=high, confirmed=tracks["confirmed"][track], lost=tracks["lost"][track])
        stages = (
            (allowed.strong, weighted, self._high_match),
            (allowed.weak, iou, self._low_match),
            (allowed.unconfirmed, weighted, self._new_match),
        )
        for pairs, similarity, at_least in stages:
            pairing.settle(track[pairs], detection[pairs], similarity[pairs], at_least=at_least)
