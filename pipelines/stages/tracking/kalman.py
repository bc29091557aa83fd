"""Constant-velocity Kalman filter over the boxes of all tracks at once.

Like the filter of SORT (Bewley et al., ICIP 2016, section 3.2) and ByteTrack (Zhang et al., ECCV 2022), each box
coordinate moves at constant velocity; with independent noise the four coordinates never mix, so one track is four
filters of two states each, and every matrix of the textbook form is a 2x2 with a closed form. Time is in seconds: the
process noise is that of a continuous model (Bar-Shalom et al., *Estimation with Applications to Tracking and
Navigation*, section 6.2.2: white-noise acceleration), integrated over the step, so that two steps of 20 ms equal one
of 40 ms and a slow or gappy source needs no other tuning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating[Any]]

POSITION, VELOCITY, P00, P01, P11, BEHIND = range(6)
"""Rows of a state: mean position, mean velocity, the entries of their symmetric 2x2 covariance, and by how much the
position has lately been behind what was measured."""
ROWS = 6
"""How many rows a state has."""
BEHIND_S = 0.1
"""Time constant of the mean that :data:`BEHIND` is."""


@dataclass(frozen=True)
class BoxFilter:
    """Noise model and equations; the state of T tracks is one (6, T, 4) float64 array that the caller owns.

    The last axis is centre x, centre y, width, height in pixels; the first is :data:`POSITION` (px),
    :data:`VELOCITY` (px/s), the covariance and :data:`BEHIND` (px). All noise is relative to the size of the box, as a
    near object both moves and jitters by more pixels than a far one.
    """

    measurement_std: float = 0.055
    """Error of a coordinate that is measured with certainty, in box heights."""
    doubt: float = 1.0
    """How much that error grows as the score falls: by ``1 + doubt * (1 - score)``."""
    drift_std: float = 0.08
    """Random walk of the position, in box heights per square root of a second."""
    acceleration_std: float = 0.4
    """Random walk of the centre's velocity, in box heights per second, per square root of a second."""
    initial_velocity_std: float = 1.5
    """Velocity that a new object's centre may well have, in box heights per second."""
    growth: float = 0.2
    """How much of these two the sides of a box show: objects move faster than they grow."""

    @cached_property
    def _growth_squared(self) -> Float:
        """(4,) factor of the velocity's variance for centre x, centre y, width and height."""
        return np.array([1.0, 1.0, self.growth**2, self.growth**2])

    def start(self, box_cxcywh_px: Float) -> Float:
        """Return the state of tracks that begin at rest at these (T, 4) boxes."""
        height = box_cxcywh_px[:, 3:]
        state = np.zeros((ROWS, *box_cxcywh_px.shape))
        state[POSITION] = box_cxcywh_px
        state[P00] = np.square(self.measurement_std * height)
        state[P11] = np.square(self.initial_velocity_std * height) * self._growth_squared
        return state

    def predict(self, state: Float, dt_s: float | Float) -> None:
        """Advance all tracks by ``dt_s`` seconds, one for all or (T, 1), in place; 0 changes nothing."""
        variance = np.square(state[POSITION, :, 3:])
        acceleration = variance * (self.acceleration_std**2 * dt_s) * self._growth_squared
        # Position and covariance change by velocity and its variance alike: two of the rows at once.
        moved = dt_s * state[VELOCITY::3]
        state[P00] += dt_s * (2 * state[P01] + moved[1]) + acceleration * (dt_s * dt_s / 3)
        state[P00] += variance * (self.drift_std**2 * dt_s)
        moved[1] += acceleration * (dt_s / 2)
        state[POSITION::3] += moved
        state[P11] += acceleration
        size = state[POSITION, :, 2:]
        np.maximum(size, 1.0, out=size)

    def measurement_error_px(self, box_cxcywh_px: Float, score: Float) -> Float:
        """Return (N, 1) the standard deviation of the coordinates of (N, 4) measured boxes with (N,) scores."""
        return self.measurement_std * (1 + self.doubt * (1 - score[:, None])) * box_cxcywh_px[:, 3:]

    @staticmethod
    def update(
        state: Float, rows: NDArray[np.intp], box_cxcywh_px: Float, error_px: Float, *, step_s: float = 0.0
    ) -> None:
        """Correct the tracks at ``rows`` by their measured boxes, in place.

        Args:
            state: of all tracks.
            rows: (N,) the tracks that were measured, each at most once.
            box_cxcywh_px: (N, 4) their boxes.
            error_px: (N, 1) standard deviation of these, see :meth:`measurement_error_px`.
            step_s: time since the frame before, for :data:`BEHIND`.
        """
        corrected = state.take(rows, axis=1)  # as state[:, rows], but contiguous and in a quarter of the time
        mean, covariance = corrected[: VELOCITY + 1], corrected[P00 : P01 + 1]
        gain = covariance * (1 / (covariance[0] + np.square(error_px)))
        mean += gain * (box_cxcywh_px - mean[0])
        behind = corrected[BEHIND]
        behind += (1 - math.exp(-step_s / BEHIND_S)) * (box_cxcywh_px - mean[0] - behind)
        corrected[P11] -= gain[1] * covariance[1]
        covariance *= 1 - gain[0]
        state[:, rows] = corrected


def cxcywh_from_xyxy(box_xyxy_px: Float) -> Float:
    """Return (N, 4) float64 centre x, centre y, width, height of (N, 4) left, top, right, bottom."""
    box = np.empty(box_xyxy_px.shape)
    box[:, 2:] = box_xyxy_px[:, 2:] - box_xyxy_px[:, :2]
    box[:, :2] = box_xyxy_px[:, :2] + box[:, 2:] / 2
    return box


def xyxy_from_cxcywh(box_cxcywh_px: Float) -> Float:
    """Return (N, 4) float64 left, top, right, bottom of (N, 4) centre x, centre y, width, height."""
    box = np.empty(box_cxcywh_px.shape)
    half = box_cxcywh_px[:, 2:] / 2
    box[:, :2] = box_cxcywh_px[:, :2] - half
    box[:, 2:] = box_cxcywh_px[:, :2] + half
    return box
