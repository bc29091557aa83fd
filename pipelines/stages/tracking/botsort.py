"""BoT-SORT: ByteTrack that knows how the camera moves and, where a model says so, what the objects look like.

After Aharon et al., *BoT-SORT: Robust Associations Multi-Pedestrian Tracking*, 2022
(https://arxiv.org/abs/2206.14651): the camera's own motion is taken out before the association (section 3.2), and the
first association takes the better of overlap and appearance (section 3.3). Thresholds are those of its code.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.stages.tracking.assignment import Pairing, Rows
from pipelines.stages.tracking.camera_motion import CameraMotion, carry_along
from pipelines.stages.tracking.kalman import POSITION, Float, xyxy_from_cxcywh
from pipelines.stages.tracking.lifecycle import Mask, Measured
from pipelines.stages.tracking.two_stage import ByteTrack
from streamvision.core.detections import Detections
from streamvision.core.picture import Picture

NEAR_IOU = 0.5
"""Appearance is only asked where the boxes overlap at least so much."""
ALIKE = 0.75
"""Least agreement of two appearances, where 1 is equal and 0.5 unrelated."""
KEPT = 0.9
"""Share of a track's appearance that stays when it is seen again."""


class BotSort(ByteTrack):
    """Tracker of one stream; see :class:`pipelines.stages.tracking.tracker.Tracker`.

    Args:
        camera_motion: whether the pictures are looked at to find out how the camera moves.
        settings: of :class:`pipelines.stages.tracking.two_stage.ByteTrack`.
    """

    def __init__(self, *, camera_motion: bool = True, **settings: Any) -> None:
        self._camera = CameraMotion() if camera_motion else None
        super().__init__(**{"smooth": True, **settings})

    def _clear(self) -> None:
        super()._clear()
        self._appearance: Float | None = None
        if self._camera is not None:
            self._camera.reset()

    def _follow_camera(self, picture: Picture) -> None:
        motion = self._camera.update(picture) if self._camera else None
        if motion is not None:
            carry_along(self._state, motion)

    def _associate(self, detections: Detections, pairing: Pairing) -> None:
        if detections.embedding is not None and self._appearance is not None:
            self._by_appearance(detections, pairing)
        super()._associate(detections, pairing)

    def _by_appearance(self, detections: Detections, pairing: Pairing) -> None:
        """Pair by the better of overlap and appearance; what it leaves goes by overlap alone."""
        track, detection, iou = self._candidates(detections, xyxy_from_cxcywh(self._state[POSITION]))
        strong = (detections.score[detection] >= self._high_score) & self._tracks["confirmed"][track]
        track, detection, iou = track[strong], detection[strong], iou[strong]
        alike = self._alike(detections, track, detection)
        alike[(iou < NEAR_IOU) | (alike < ALIKE)] = 0
        pairing.settle(
            track, detection, np.maximum(iou * detections.score[detection], alike), at_least=self._high_match
        )

    def _alike(self, detections: Detections, track: Rows, detection: Rows) -> Float:
        assert self._appearance is not None and detections.embedding is not None
        cosine = (self._appearance[track] * detections.embedding[detection]).sum(axis=1)
        return np.asarray((1 + cosine) / 2)

    def _continued(self, rows: Rows, measured: Measured, matched: Rows, pts_s: float) -> None:
        embedding = measured.detections.embedding
        if embedding is None or self._appearance is None:
            return
        mean = KEPT * self._appearance[rows] + (1 - KEPT) * embedding[matched]
        self._appearance[rows] = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)

    def _added(self, measured: Measured, born: Rows, pts_s: float) -> None:
        embedding = measured.detections.embedding
        if embedding is None:
            self._appearance = None
            return
        known = np.zeros((len(self._tracks) - len(born), embedding.shape[1]))
        self._appearance = np.concatenate([known if self._appearance is None else self._appearance, embedding[born]])

    def _drop(self, kept: Mask) -> None:
        super()._drop(kept)
        if self._appearance is not None:
            self._appearance = self._appearance[kept]
