"""Smooths keypoints over time: the one-euro filter on the keypoints of each identity.

After Casiez, Roussel, Vogel: "1 € Filter", CHI 2012, https://gery.casiez.net/1euro/. What stands still is smoothed
strongly, what moves fast hardly, so that a hand does not lag behind. Speeds are in sizes of the object a second, so
that near and far people are treated alike; steps are in seconds of stream time, so that dropped frames are normal.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections

SLOWEST_HZ = 1.5
"""Cut-off frequency of a keypoint that stands still."""
HZ_A_SPEED = 6.0
"""How much it grows with the speed, in hertz for one size of the object a second."""
SPEED_HZ = 1.0
"""Cut-off frequency of the speed itself."""
SURE_ENOUGH = 0.1
"""A keypoint less sure than this is passed on as it is, and begins anew when it is back."""


class KeypointSmoother:
    """Smooths the keypoints of one stream's identities.

    Args:
        memory_s: how long an identity may go unseen before its keypoints begin anew, in seconds of stream time.
    """

    def __init__(self, *, memory_s: float) -> None:
        self._memory_s = memory_s
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._identity: NDArray[np.int64] = np.empty(0, np.int64)
        self._seen_s: NDArray[np.float64] = np.empty(0)
        self._point_px: NDArray[np.float64] = np.empty((0, 0, 2))
        self._speed: NDArray[np.float64] = np.empty((0, 0, 2))

    def update(self, detections: Detections, *, pts_s: float) -> Detections:
        """Return the next frame's objects with smoothed keypoints; those without identity stay as they are.

        Args:
            detections: objects with identities, each at most once.
            pts_s: the frame's own time.
        """
        points, score, track_id = detections.keypoint_xy_px, detections.keypoint_score, detections.track_id
        if points is None or score is None or track_id is None:
            return detections
        rows = np.flatnonzero(~np.ma.getmaskarray(track_id))
        identity = track_id.data[rows]
        raw = points[rows].astype(np.float64)
        if self._point_px.shape[1:] != raw.shape[1:]:
            self.reset()
            self._point_px = self._speed = np.empty((0, *raw.shape[1:]))
        smooth_px, speed = raw.copy(), np.zeros_like(raw)
        _, mine, theirs = np.intersect1d(identity, self._identity, assume_unique=True, return_indices=True)
        step_s = pts_s - self._seen_s[theirs]
        known = (step_s > 0) & (step_s <= self._memory_s)
        mine, theirs, step = mine[known], theirs[known], step_s[known][:, None, None]
        size_px = _sizes(detections.box_xyxy_px[rows])[mine][:, None, None]
        before, now = self._point_px[theirs], raw[mine]
        speed[mine] = _mixed(self._speed[theirs], (now - before) / size_px / step, SPEED_HZ, step)
        fastness = np.linalg.norm(speed[mine], axis=2, keepdims=True)
        smoothed = _mixed(before, now, SLOWEST_HZ + HZ_A_SPEED * fastness, step)
        usable = (score[rows][mine] >= SURE_ENOUGH)[..., None] & np.isfinite(smoothed)
        smooth_px[mine] = np.where(usable, smoothed, now)
        self._remember(identity, smooth_px, np.where(np.isfinite(speed), speed, 0.0), score[rows], pts_s)
        result = points.copy()
        result[rows] = smooth_px
        return detections.with_columns(keypoint_xy_px=result)

    def _remember(
        self,
        identity: NDArray[np.int64],
        point_px: NDArray[np.float64],
        speed: NDArray[np.float64],
        score: NDArray[np.float32],
        pts_s: float,
    ) -> None:
        """Keep the identities of this frame, and those unseen for a while."""
        unseen = ~np.isin(self._identity, identity) & (np.abs(pts_s - self._seen_s) <= self._memory_s)
        # What is not sure enough is no point to go on from.
        point_px = np.where((score >= SURE_ENOUGH)[..., None], point_px, np.nan)
        self._identity = np.concatenate([self._identity[unseen], identity])
        self._seen_s = np.concatenate([self._seen_s[unseen], np.full(len(identity), pts_s)])
        self._point_px = np.concatenate([self._point_px[unseen], point_px])
        self._speed = np.concatenate([self._speed[unseen], speed])


def _mixed(
    before: NDArray[np.float64], now: NDArray[np.float64], cutoff_hz: object, step_s: object
) -> NDArray[np.float64]:
    """Return a first-order low-pass filter's next value."""
    rate = 2 * math.pi * np.asarray(cutoff_hz) * np.asarray(step_s)
    mixed: NDArray[np.float64] = before + rate / (rate + 1) * (now - before)
    return mixed


def _sizes(box_xyxy_px: NDArray[np.float32]) -> NDArray[np.float64]:
    sides = (box_xyxy_px[:, 2:] - box_xyxy_px[:, :2]).astype(np.float64)
    sizes: NDArray[np.float64] = np.maximum(sides.max(axis=1, initial=1.0), 1.0)
    return sizes
