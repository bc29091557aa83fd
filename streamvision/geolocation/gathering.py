"""Boxes that no identity took, gathered by the place that they would have on earth.

A tracker of pictures loses what passes fast: a sign on the far side of the road jumps by more than its own width from
look to look, and is seen with gaps. But what stands still moves over the picture as the camera's way says. So each
group of boxes is a filter of its own (Kalman, in the polar coordinates of the camera, in which a box is a linear
measurement: tangent of the bearing, logarithm of the distance, logarithm of the size, and rise over distance), carried
from look to look by the way, and takes the box that fits best.
"""

from __future__ import annotations

from dataclasses import dataclass

import lap
import numpy as np
from numpy.typing import NDArray

from streamvision.geolocation.adjustment import DELAY, HORIZON, LOG_FOCAL, USUAL_LOG_SIZE, YAW, Eye
from streamvision.geolocation.observations import cut_by_edge
from streamvision.geolocation.way import Way

F64 = NDArray[np.float64]
Rows = NDArray[np.intp]
FEWEST_BOXES = 3
"""Groups of fewer prove nothing."""
_MOST_APART = 16.3
"""A box of the object disagrees by less with what is expected of it, all but once in a thousand times: chi squared."""
_UNSEEN_S = 4.0
"""How long an object may go unseen, from afar to near."""
_BOX_ERROR_PX, _BOX_ERROR_SHARE = 1.5, 0.05
"""How well a weak box is placed."""
_PITCH_ERROR_RAD = 0.008
_TURN_ERROR_RAD, _WAY_ERROR_M = 0.004, 0.2
"""How much heading and way waver, per square root of a second."""
_NEAREST_M = 3.0
"""What is expected nearer than this was passed."""
_USUAL_SPREAD = 8.0
"""What is expected less exactly than this (product of three standard deviations, in those of a box) agrees with much,
by chance: that counts against it, by likelihood."""
TANGENT, LOG_DISTANCE, LOG_SIZE, SLOPE = range(4)


@dataclass(frozen=True, eq=False)
class LooseBoxes:
    """The boxes of a drive that no identity took, in the order of time."""

    time_unix_s: F64
    """(N,) when each frame was taken, growing; equal for boxes of one frame."""
    box_xyxy_px: F64
    """(N, 4) boxes in the pixels of the picture."""
    score: F64
    """(N,) confidence, 0..1."""
    class_id: NDArray[np.int32]
    """(N,) what the model takes it for."""
    picture_px: tuple[int, int]
    """Width and height of the pictures."""


def gathered(loose: LooseBoxes, way: Way, eye: Eye) -> list[Rows]:
    """Return the rows of each object that the boxes show, in the order in which they were seen first.

    Args:
        loose: the boxes.
        way: of the drive.
        eye: the camera.
    """
    groups: list[Rows] = []
    whole = ~cut_by_edge(loose.box_xyxy_px, loose.picture_px).any(axis=1)
    covered = np.isfinite(way.error_m(loose.time_unix_s))
    for class_id in np.unique(loose.class_id):
        rows = np.flatnonzero((loose.class_id == class_id) & whole & covered)
        groups += _Gathering(loose, rows, way, eye).groups()
    return sorted((rows for rows in groups if len(rows) >= FEWEST_BOXES), key=lambda rows: int(rows[0]))


class _Gathering:
    """Gathers the boxes of one class."""

    def __init__(self, loose: LooseBoxes, rows: Rows, way: Way, eye: Eye) -> None:
        self._rows = rows
        time_s, box = loose.time_unix_s[rows], loose.box_xyxy_px[rows]
        self._time_s = time_s
        self._focal_px = float(np.exp(eye.numbers[LOG_FOCAL]))
        width_px, height_px = loose.picture_px
        self._widest = width_px / 2 / self._focal_px
        tall = np.maximum(box[:, 3] - box[:, 1], 1.0)
        horizon_px = height_px / 2 + float(eye.numbers[HORIZON])
        self._measured = np.stack(
            [
                ((box[:, 0] + box[:, 2]) - width_px) / 2 / self._focal_px,
                np.log(tall / self._focal_px),
                (horizon_px - (box[:, 1] + box[:, 3]) / 2) / self._focal_px,
            ],
            axis=1,
        )
        error_px = np.hypot(_BOX_ERROR_PX, _BOX_ERROR_SHARE * tall)
        sideways = error_px / self._focal_px
        self._variance = np.stack([sideways, 1.4 * error_px / tall, np.hypot(sideways, _PITCH_ERROR_RAD)], axis=1) ** 2
        poses = way.at(time_s + float(eye.numbers[DELAY]))
        self._position_m, self._heading_rad = poses.position_m, poses.heading_rad + float(eye.numbers[YAW])
        self._state: F64 = np.empty((0, 4))
        self._covariance: F64 = np.empty((0, 4, 4))
        self._last: Rows = np.empty(0, np.intp)
        self._group: Rows = np.empty(0, np.intp)
        self._members: list[list[int]] = []

    def groups(self) -> list[Rows]:
        """Return the rows of each group."""
        begins = np.flatnonzero(np.diff(self._time_s, prepend=-np.inf))
        for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(self._rows)], strict=True):
            self._take(np.arange(begin, end))
        return [self._rows[members] for members in self._members]

    def _take(self, boxes: Rows) -> None:
        """Give the boxes of one frame to the groups, or begin new ones."""
        self._keep(self._time_s[self._last] >= self._time_s[boxes[0]] - _UNSEEN_S)
        left = boxes
        expected, covariance = self._carried(int(boxes[0]))
        in_sight = np.abs(expected[:, TANGENT]) < self._widest
        in_sight &= expected[:, LOG_DISTANCE] > np.log(_NEAREST_M)
        if not in_sight.all():
            self._keep(in_sight)
            expected, covariance = expected[in_sight], covariance[in_sight]
        if len(self._last):
            apart = self._apart(expected, covariance, boxes)
            _, column_of, row_of = lap.lapjv(
                np.minimum(apart, 2 * _MOST_APART), extend_cost=True, cost_limit=_MOST_APART
            )
            taken = np.flatnonzero(column_of >= 0)
            self._correct(taken, boxes[column_of[taken]], expected, covariance)
            left = boxes[row_of < 0]
        self._begin(left)

    def _keep(self, kept: NDArray[np.bool_]) -> None:
        """Take no more boxes into the other groups: they were passed, or not seen for long."""
        if not kept.all():
            self._state, self._covariance = self._state[kept], self._covariance[kept]
            self._last, self._group = self._last[kept], self._group[kept]

    def _carried(self, now: int) -> tuple[F64, F64]:
        """Return (G, 4) the groups' states as the camera of now sees them, and (G, 4, 4) their covariances."""
        last, state = self._last, self._state
        off_m = self._position_m[now] - self._position_m[last]
        sine, cosine = np.sin(self._heading_rad[last]), np.cos(self._heading_rad[last])
        turned = self._heading_rad[now] - self._heading_rad[last]
        turn_sine, turn_cosine = np.sin(turned), np.cos(turned)
        distance = np.exp(state[:, LOG_DISTANCE])
        right = state[:, TANGENT] * distance
        x = right - (off_m[:, 0] * cosine - off_m[:, 1] * sine)
        z = distance - (off_m[:, 0] * sine + off_m[:, 1] * cosine)
        ahead = np.maximum(x * turn_sine + z * turn_cosine, _NEAREST_M / 2)
        tangent = (x * turn_cosine - z * turn_sine) / ahead
        moved = np.stack([tangent, np.log(ahead), state[:, LOG_SIZE], state[:, SLOPE] * distance / ahead], axis=1)
        slope = np.zeros((len(last), 4, 4))
        by_tangent, by_distance = distance * turn_sine, right * turn_sine + distance * turn_cosine
        slope[:, TANGENT, TANGENT] = (distance * turn_cosine - tangent * by_tangent) / ahead
        slope[:, TANGENT, LOG_DISTANCE] = (right * turn_cosine - distance * turn_sine - tangent * by_distance) / ahead
        slope[:, LOG_DISTANCE, TANGENT] = by_tangent / ahead
        slope[:, LOG_DISTANCE, LOG_DISTANCE] = by_distance / ahead
        slope[:, LOG_SIZE, LOG_SIZE] = 1.0
        slope[:, SLOPE, TANGENT] = -moved[:, SLOPE] * by_tangent / ahead
        slope[:, SLOPE, LOG_DISTANCE] = moved[:, SLOPE] * (1 - by_distance / ahead)
        slope[:, SLOPE, SLOPE] = distance / ahead
        covariance = slope @ self._covariance @ slope.transpose(0, 2, 1)
        gone_s = self._time_s[now] - self._time_s[last]
        wavering = gone_s * (_WAY_ERROR_M / ahead) ** 2
        covariance[:, TANGENT, TANGENT] += wavering + gone_s * _TURN_ERROR_RAD**2
        covariance[:, LOG_DISTANCE, LOG_DISTANCE] += wavering
        return moved, covariance

    def _apart(self, expected: F64, covariance: F64, boxes: Rows) -> F64:
        """Return (G, B) how much each group's expectation and each box disagree, as chi squared."""
        off = self._measured[boxes][None] - _seen(expected)[:, None]
        own = self._variance[boxes]
        spread = _seen_covariance(covariance)[:, None] + own[None, :, :, None] * np.eye(3)
        apart = np.einsum("gbi,gbij,gbj->gb", off, np.linalg.inv(spread), off)
        return np.asarray(apart + np.maximum(np.log(np.linalg.det(spread) / own.prod(axis=1) / _USUAL_SPREAD**2), 0))

    def _correct(self, groups: Rows, boxes: Rows, expected: F64, covariance: F64) -> None:
        """Take the boxes into the groups."""
        before, spread = expected[groups], covariance[groups]
        matrix = _MEASURES @ spread @ _MEASURES.T + self._variance[boxes][:, :, None] * np.eye(3)
        gain = spread @ _MEASURES.T @ np.linalg.inv(matrix)
        off = self._measured[boxes] - _seen(before)
        self._state[groups] = before + (gain @ off[:, :, None])[:, :, 0]
        self._covariance[groups] = spread - gain @ _MEASURES @ spread
        self._last[groups] = boxes
        for group, box in zip(self._group[groups].tolist(), boxes.tolist(), strict=True):
            self._members[group].append(box)

    def _begin(self, boxes: Rows) -> None:
        """Begin a group with each box, as far away as things of a usual size are."""
        if not len(boxes):
            return
        mean, spread = USUAL_LOG_SIZE
        measured, variance = self._measured[boxes], self._variance[boxes]
        state = np.stack([measured[:, 0], mean - measured[:, 1], np.full(len(boxes), mean), measured[:, 2]], axis=1)
        covariance = np.zeros((len(boxes), 4, 4))
        covariance[:, TANGENT, TANGENT], covariance[:, SLOPE, SLOPE] = variance[:, 0], variance[:, 2]
        covariance[:, LOG_SIZE, LOG_SIZE] = covariance[:, LOG_SIZE, LOG_DISTANCE] = spread**2
        covariance[:, LOG_DISTANCE, LOG_SIZE] = spread**2
        covariance[:, LOG_DISTANCE, LOG_DISTANCE] = spread**2 + variance[:, 1]
        self._group = np.concatenate([self._group, len(self._members) + np.arange(len(boxes))])
        self._members += [[box] for box in boxes.tolist()]
        self._state = np.concatenate([self._state, state])
        self._covariance = np.concatenate([self._covariance, covariance])
        self._last = np.concatenate([self._last, boxes])


_MEASURES = np.zeros((3, 4))
"""What a box says of a state: its tangent, size less distance, and slope."""
_MEASURES[0, TANGENT] = _MEASURES[1, LOG_SIZE] = _MEASURES[2, SLOPE] = 1.0
_MEASURES[1, LOG_DISTANCE] = -1.0


def _seen(state: F64) -> F64:
    return np.asarray(state @ _MEASURES.T)


def _seen_covariance(covariance: F64) -> F64:
    return np.asarray(_MEASURES @ covariance @ _MEASURES.T)
