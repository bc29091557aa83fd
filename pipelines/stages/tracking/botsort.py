"""BoT-SORT: ByteTrack that follows the camera's own motion and, where a model gives embeddings, compares appearance.

After Aharon et al., *BoT-SORT: Robust Associations Multi-Pedestrian Tracking*, 2022
(https://arxiv.org/abs/2206.14651): the camera's own motion is taken out before the association (section 3.2), and the
first association takes the better of overlap and appearance (section 3.3). Thresholds are those of its code.

The camera's motion is the similarity that fits the flow of a few hundred corners: found as by Shi and Tomasi (1994),
followed by the pyramidal method of Lucas and Kanade, outliers left out by RANSAC. It runs on a small grey picture.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.stages.tracking.assignment import Pairing, Rows
from pipelines.stages.tracking.kalman import P00, P01, P11, POSITION, VELOCITY, Float, xyxy_from_cxcywh
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
SIDE_PX = 480
"""Longer side of the small picture."""
CORNERS = 300
MIN_CORNERS = 12
"""With fewer that could be followed, nothing is said about the camera."""
REDRAW_BELOW = 150
"""New corners are searched when fewer than this are left."""


class BotSort(ByteTrack):
    """Tracker of one stream; see :class:`pipelines.stages.tracking.registry.Tracker`.

    Args:
        camera_motion: whether the motion of the camera is estimated from the pictures.
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
            compensate(self._state, motion)

    def _associate(self, measured: Measured, pairing: Pairing) -> None:
        detections = measured.detections
        if detections.embedding is not None and self._appearance is not None:
            self._by_appearance(detections, pairing)
        super()._associate(measured, pairing)

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


class CameraMotion:
    """Follows the camera of one stream."""

    def __init__(self) -> None:
        self._grey: Any = None
        self._corners: Any = None

    def update(self, picture: Picture) -> NDArray[np.float64] | None:
        """Return the (2, 3) similarity from the previous picture's pixels to this one's; ``None`` where unknown."""
        scale = min(SIDE_PX / max(picture.width_px, picture.height_px), 1.0)
        size = max(round(picture.width_px * scale), 1), max(round(picture.height_px * scale), 1)
        grey: Any = cv2.cvtColor(picture.resize_rgb(*size), cv2.COLOR_RGB2GRAY)
        before, corners = self._grey, self._corners
        self._grey, self._corners = grey, None
        if before is None or before.shape != grey.shape:
            self._corners = _corners(grey)
            return None
        if corners is None or len(corners) < MIN_CORNERS:
            self._corners = _corners(grey)
            return None
        moved, followed, _ = cv2.calcOpticalFlowPyrLK(before, grey, corners, None)
        good = followed.ravel() == 1
        old, new = corners[good], moved[good]
        self._corners = new if len(new) >= REDRAW_BELOW else _corners(grey)
        if len(new) < MIN_CORNERS:
            return None
        motion, _ = cv2.estimateAffinePartial2D(old, new, method=cv2.RANSAC, ransacReprojThreshold=1.5)
        if motion is None:
            return None
        motion[:, 2] /= scale
        return np.asarray(motion, np.float64)

    def reset(self) -> None:
        """Forget the previous picture, as after a reconnect."""
        self._grey = self._corners = None


def compensate(state: Float, motion: NDArray[np.float64]) -> None:
    """Move the filter's tracks as the camera's motion moves what stands still, in place.

    Args:
        state: (6, T, 4) of :class:`pipelines.stages.tracking.kalman.BoxFilter`.
        motion: (2, 3) similarity in pixels.
    """
    turn, shift = motion[:, :2], motion[:, 2]
    scale = float(np.sqrt(abs(np.linalg.det(turn))))
    state[POSITION, :, :2] = state[POSITION, :, :2] @ turn.T + shift
    state[VELOCITY, :, :2] = state[VELOCITY, :, :2] @ turn.T
    state[: VELOCITY + 1, :, 2:] *= scale
    state[[P00, P01, P11]] *= scale**2


def _corners(grey: Any) -> Any:
    return cv2.goodFeaturesToTrack(grey, maxCorners=CORNERS, qualityLevel=0.01, minDistance=8, blockSize=3)
