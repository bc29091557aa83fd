"""The default tracker: our own combination of what pays on sequences that it was not chosen on.

It stands on ByteTrack's association in two stages (Zhang et al., ECCV 2022). What differs:

- A track's box is the filtered one, and the filter trusts a detection by its score.
- The overlap of strong detections is weighted by their score, and weak ones may continue lost tracks, too.
- The camera's own motion is told from the boxes alone (:mod:`pipelines.stages.tracking.common_motion`).
- Overlap counts by the root of the ratio of the heights, and a change of the score counts against a pair: two weak cues
  of Yang et al., *Hybrid-SORT: Weak Cues Matter for Online Multi-Object Tracking*, AAAI 2024
  (https://arxiv.org/abs/2308.00783), here with a running mean for the score of a track.
- Confirmation by score and time: sure objects have their identity within two frames, unsure ones in half a second.

What each is worth stands in ``docs/tracking.md``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.stages.tracking.assignment import Pairing, Rows
from pipelines.stages.tracking.common_motion import LEAST_OBJECTS, MOST_OBJECTS, CommonMotion
from pipelines.stages.tracking.kalman import POSITION, VELOCITY, Float
from pipelines.stages.tracking.lifecycle import Mask, Measured
from pipelines.stages.tracking.two_stage import TwoStageTracker

SETTLED_HITS = 3
"""Detections after which a track's prediction tells something about the camera."""
LASTING = 0.3
"""Share of the camera's sudden motion that goes on: a turn does, a shake does not."""
SCORE_KEPT = 0.8
"""Share of a track's mean score that stays with the next detection."""


class SteadyTracker(TwoStageTracker):
    """Tracker of one stream; see :class:`pipelines.stages.tracking.registry.Tracker`.

    Args:
        low_match: least agreement of the second association, IoU by height.
        new_match: least agreement for continuing an unconfirmed track, IoU by height and score.
        score_change: what a change of the score by 1 takes from the agreement.
        camera_motion: follow the motion that all boxes share.
        settings: of :class:`pipelines.stages.tracking.two_stage.TwoStageTracker`.
    """

    def __init__(
        self,
        *,
        low_match: float = 0.4,
        new_match: float = 0.1,
        score_change: float = 0.1,
        camera_motion: bool = True,
        **settings: Any,
    ) -> None:
        self._score_change = score_change
        self._camera_motion = camera_motion
        super().__init__(**{"low_match": low_match, "new_match": new_match, "low_score": 0.05, **settings})

    def _clear(self) -> None:
        super()._clear()
        self._camera = CommonMotion()
        self._score: Float = np.empty(0)

    def _associate(self, measured: Measured, pairing: Pairing) -> None:
        super()._associate(measured, pairing)
        if self._camera_motion and self._step_s > 0 and self._move_with_camera(measured, pairing.track_of):
            pairing.clear()
            super()._associate(measured, pairing)

    def _move_with_camera(self, measured: Measured, track_of: Rows) -> bool:
        """Move all tracks by what they have in common; return whether there was anything."""
        settled = self._tracks["hits"] >= SETTLED_HITS
        telling = (track_of >= 0) & (measured.detections.score >= self._high_score) & settled[track_of]
        matched = telling.nonzero()[0][:MOST_OBJECTS]
        if len(matched) < LEAST_OBJECTS:
            return False
        rows = track_of[matched]
        predicted = self._state[POSITION].take(rows, axis=0)
        missed_px = measured.box_cxcywh_px[matched, :2] - predicted[:, :2]
        shift = self._camera.update(missed_px, height_px=float(predicted[:, 3].sum()) / len(rows), step_s=self._step_s)
        if shift is None:
            return False
        self._state[POSITION, :, :2] += shift
        self._state[VELOCITY, :, :2] += np.multiply(shift, LASTING / self._step_s)
        return True

    def _similarity(self, measured: Measured, track: Rows, detection: Rows, iou: Float) -> tuple[Float, Float]:
        ratio = self._state[POSITION, :, 3][track] / measured.box_cxcywh_px[:, 3][detection]
        alike = iou * np.sqrt(np.minimum(ratio, 1 / ratio))
        score = measured.detections.score[detection]
        return alike, alike * score - self._score_change * np.abs(self._score[track] - score)

    def _continued(self, rows: Rows, measured: Measured, matched: Rows, pts_s: float) -> None:
        score = measured.detections.score[matched]
        self._score[rows] += (1 - SCORE_KEPT) * (score - self._score[rows])

    def _added(self, measured: Measured, born: Rows, pts_s: float) -> None:
        self._score = np.concatenate([self._score, measured.detections.score[born]])

    def _drop(self, kept: Mask) -> None:
        super()._drop(kept)
        self._score = self._score[kept]
