"""Smoothing over time: the one-euro filter on the keypoints of each identity, averages of the classes of pictures.

After Casiez, Roussel, Vogel: "1 € Filter", CHI 2012, https://gery.casiez.net/1euro/. What stands still is smoothed
strongly, what moves fast hardly, so that a hand does not lag behind. Speeds are in sizes of the object a second, so
that near and far people are treated alike; steps are in seconds of stream time, so that dropped frames are normal.
Class scores are averaged, and their order changes only by a margin.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.base import FrameStage, StageContext
from streamvision.core.detections import Detections
from streamvision.core.frame import Result
from streamvision.core.image_result import ImageResult
from streamvision.inference.model_card import OBJECT_TASKS

SLOWEST_HZ = 1.5
"""Cut-off frequency of a keypoint that stands still."""
HZ_A_SPEED = 6.0
"""How much it grows with the speed, in hertz for one size of the object a second."""
SPEED_HZ = 1.0
"""Cut-off frequency of the speed itself."""
MIN_SMOOTHED_SCORE = 0.1
"""A keypoint less sure than this is passed on as it is, and begins anew when it is back."""
MARGIN = 0.05
"""A class is ordered before another once its averaged score is higher by so much."""
LONGEST_GAP = 4.0
"""After so many times the averaging time without a frame, the average begins anew."""


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
        usable = (score[rows][mine] >= MIN_SMOOTHED_SCORE)[..., None] & np.isfinite(smoothed)
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
        point_px = np.where((score >= MIN_SMOOTHED_SCORE)[..., None], point_px, np.nan)
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


class ScoreSmoother:
    """Smooths the class scores of one stream.

    Args:
        over_s: time constant of the average, in seconds of stream time.
    """

    def __init__(self, *, over_s: float) -> None:
        self._over_s = over_s
        self.reset()

    def reset(self) -> None:
        """Forget everything, as after a reconnect."""
        self._average: NDArray[np.float64] | None = None
        self._order: NDArray[np.intp] = np.empty(0, np.intp)
        self._clock_s = 0.0

    def update(self, image: ImageResult, *, pts_s: float) -> ImageResult:
        """Return the next frame's result with smoothed class scores; what else is in it stays as it is.

        The scores are the averaged ones, exchanged between classes of nearly the same score so that their order is
        that of the frame before.

        Args:
            image: the model's result for the whole picture.
            pts_s: the frame's own time.
        """
        if image.class_score is None:
            return image
        score = image.class_score.astype(np.float64)
        gap_s = pts_s - self._clock_s
        if self._average is None or len(self._average) != len(score) or not 0 <= gap_s <= LONGEST_GAP * self._over_s:
            self._average, self._order = score, np.argsort(-score, kind="stable")
        else:
            self._average = self._average + (1 - math.exp(-gap_s / self._over_s)) * (score - self._average)
            self._order = _reordered(self._order, self._average)
        self._clock_s = pts_s
        smoothed = np.empty(len(score), np.float32)
        smoothed[self._order] = np.sort(self._average)[::-1]
        return replace(image, class_score=smoothed)


def _reordered(order: NDArray[np.intp], score: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the classes by score, where one comes before those that it followed only if it is better by the margin."""
    # The lowest score so far in the old order: a class moves ahead of these only if it is better by the margin.
    held = np.empty(len(order))
    held[order] = np.minimum.accumulate(score[order])
    ahead = score > held + MARGIN
    if not ahead.any():
        return order
    return np.argsort(-score, kind="stable")


class KeypointSmoothing(FrameStage):
    """Smooths the keypoints of each identity."""

    name = "smooth"
    waits = False

    def __init__(self, smoother: KeypointSmoother) -> None:
        self._smoother = smoother

    def process(self, result: Result) -> None:
        """Smooth the keypoints."""
        result.detections = self._smoother.update(result.detections, pts_s=result.frame.pts_s)

    def reset(self) -> None:
        """Forget all identities."""
        self._smoother.reset()


class ScoreSmoothing(FrameStage):
    """Averages the scores of the classes of whole pictures over time."""

    name = "smooth"
    waits = False

    def __init__(self, smoother: ScoreSmoother) -> None:
        self._smoother = smoother

    def process(self, result: Result) -> None:
        """Average the scores."""
        if result.image_result is not None:
            result.image_result = self._smoother.update(result.image_result, pts_s=result.frame.pts_s)

    def reset(self) -> None:
        """Forget earlier scores."""
        self._smoother.reset()


def smooth_keypoints(context: StageContext) -> KeypointSmoothing | None:
    """Return the stage of one stream; ``None`` where the model finds no keypoints, or they are wanted as they are."""
    tracker = context.config.tracker
    if context.card.keypoints is None or not tracker.smooth_keypoints:
        return None
    return KeypointSmoothing(KeypointSmoother(memory_s=tracker.memory_s))


def smooth_scores(context: StageContext) -> ScoreSmoothing | None:
    """Return the stage of one stream; ``None`` where the model finds objects, or scores are wanted as they are."""
    over_s = context.config.model.smoothing_s
    if not over_s or context.card.task in OBJECT_TASKS:
        return None
    return ScoreSmoothing(ScoreSmoother(over_s=over_s))
