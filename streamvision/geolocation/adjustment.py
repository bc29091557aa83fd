"""One camera and all that it saw, fitted at once: a bundle adjustment over the positions of the way.

What a box says of an object at ``x`` metres right of the camera's axis and ``z`` ahead, with the focal length ``f``:
its column is ``f x / z``, its height ``f h / z`` for an object ``h`` high, and its row lies ``f r / z`` above the
horizon for one that is ``r`` higher than the camera. Focal length, yaw, delay of the receiver and horizon are those of
the camera, hence of all tracks; bearing, distance, height and rise are each track's own. Outliers are weighted down
(Cauchy), the steps are those of Levenberg and Marquardt, and the camera's part is solved by the Schur complement
(Triggs et al., *Bundle Adjustment - A Modern Synthesis*, 2000, sections 4 to 6).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamvision.geolocation.observations import Observations
from streamvision.geolocation.way import Way

F64 = NDArray[np.float64]
LOG_FOCAL, YAW, DELAY, HORIZON = range(4)
"""Places of the camera's numbers: logarithm of the focal length in pixels, radians, seconds, pixels from the middle."""
BEARING, LOG_DISTANCE, LOG_SIZE, RISE = range(4)
"""Places of a track's numbers, seen from where its last box was: radians, metres (logarithm, twice), metres."""
_NEAREST_M = 0.5
_PITCH_ERROR_RAD = 0.008
"""How much the car nods, and slopes tilt the road."""
_SIZE_ERROR = 0.03
"""How much the logarithm of a box's height is wrong beside its pixels: boxes of one detector err alike."""
_WAY_ERROR_M = 0.3
"""How much the way wavers in the seconds in which an object is seen, after smoothing."""
_USUAL_SIZE_M = 0.8
_OUTLIER = 2.5
"""Residuals, in standard deviations, that count half as much as small ones."""
_SOLVABLE = 1e-6
"""Added where a track says nothing of a number, as one does whose boxes are all cut by the picture's edge."""
_DISTANCES_M = (4.0, 8.0, 14.0, 22.0, 35.0, 55.0, 90.0, 150.0)
_TRACK_MEAN = np.array([0.0, math.log(30.0), math.log(_USUAL_SIZE_M), 1.5])
_TRACK_SPREAD = np.array([math.inf, math.inf, 0.7, 2.0])
"""What is expected of an object before it is seen: nothing of its place, little of the rest."""
USUAL_LOG_SIZE = _TRACK_MEAN[LOG_SIZE], _TRACK_SPREAD[LOG_SIZE]


@dataclass(frozen=True, eq=False)
class Eye:
    """What is known of a camera."""

    numbers: F64
    """(4,) the most likely values."""
    covariance: F64
    """(4, 4) how sure these are."""

    @property
    def spread(self) -> F64:
        """(4,) standard deviations."""
        return np.sqrt(np.diag(self.covariance))


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that a fit holds fixed."""

    observations: Observations
    """What was seen."""
    way: Way
    """Where the camera was."""
    expected: Eye
    """What is known of the camera before."""
    log_size: F64 | None = None
    """(T, 2) mean and standard deviation that are expected of the logarithm of each object's height in metres;
    ``None``: anything from a small light to a billboard."""
    anchor_m: F64 = field(init=False)
    """(T, 2) where each track's last box was seen from."""
    _anchor_heading_rad: F64 = field(init=False)
    _mean: F64 = field(init=False)
    _spread: F64 = field(init=False)

    def __post_init__(self) -> None:
        seen = self.observations
        last = np.append(seen.begin[1:], len(seen.track)) - 1
        poses = self.way.at(seen.time_s[last] + self.expected.numbers[DELAY])
        object.__setattr__(self, "anchor_m", poses.position_m)
        mean, spread = (np.tile(row, (len(last), 1)) for row in (_TRACK_MEAN, _TRACK_SPREAD))
        if self.log_size is not None:
            mean[:, LOG_SIZE], spread[:, LOG_SIZE] = self.log_size.T
        object.__setattr__(self, "_mean", mean)
        object.__setattr__(self, "_spread", spread)
        object.__setattr__(self, "_anchor_heading_rad", poses.heading_rad)

    def start(self, camera: F64) -> F64:
        """Return (T, 4) first guesses: in the direction of the last box, at the distance that fits best."""
        seen = self.observations
        last = np.append(seen.begin[1:], len(seen.track)) - 1
        bearing = np.arctan(seen.column_px[last] / np.exp(camera[LOG_FOCAL])) + camera[YAW]
        best, best_cost = np.empty((len(last), 4)), np.full(len(last), np.inf)
        for distance_m in _DISTANCES_M:
            guess = np.tile(_TRACK_MEAN, (len(last), 1))
            guess[:, BEARING] = self._anchor_heading_rad + bearing
            guess[:, LOG_DISTANCE] = math.log(distance_m)
            guess[:, LOG_SIZE] = seen.log_height[last] - camera[LOG_FOCAL] + math.log(distance_m)
            guess[:, RISE] = (camera[HORIZON] - seen.row_px[last]) * distance_m / np.exp(camera[LOG_FOCAL])
            for _ in range(2):
                guess = _moved(guess, -self.linearised(camera, guess).track_steps(0.1))
            cost = self.linearised(camera, guess).cost
            better = cost < best_cost
            best[better], best_cost[better] = guess[better], cost[better]
        return best

    def places_m(self, tracks: F64) -> F64:
        """Return (T, 2) where the objects stand, to the east and north."""
        return self.anchor_m + np.exp(tracks[:, LOG_DISTANCE])[:, None] * _direction(tracks[:, BEARING])

    def place_covariances_m2(self, tracks: F64, covariances: F64) -> F64:
        """Return (T, 2, 2) covariances of the places, from those of the tracks' numbers (T, 4, 4)."""
        ahead, distance = _direction(tracks[:, BEARING]), np.exp(tracks[:, LOG_DISTANCE])[:, None]
        sideways = np.stack([ahead[:, 1], -ahead[:, 0]], axis=-1)
        slope = np.stack([sideways * distance, ahead * distance], axis=-1)
        return np.asarray(slope @ covariances[:, :2, :2] @ slope.transpose(0, 2, 1))

    def linearised(self, camera: F64, tracks: F64) -> Linearised:
        """Return the equations of one step, and what these numbers cost."""
        residual, by_track, by_camera, weight = self._residuals(camera, tracks)
        square = residual**2
        robust = weight / (1 + square / _OUTLIER**2)
        begin = self.observations.begin
        cost = np.add.reduceat((weight * _OUTLIER**2 * np.log1p(square / _OUTLIER**2)).sum(axis=1), begin)
        own = (tracks - self._mean) / self._spread
        off, certainty = camera - self.expected.numbers, np.linalg.inv(self.expected.covariance)
        weighted = (by_track * robust[:, :, None]).transpose(0, 2, 1)
        every, every_weighted = by_camera.reshape(-1, 4), by_camera.reshape(-1, 4) * robust.reshape(-1, 1)
        track_matrix = np.add.reduceat(weighted @ by_track, begin, axis=0)
        track_matrix += (self._spread**-2.0 + _SOLVABLE)[:, :, None] * np.eye(4)
        return Linearised(
            cost=cost + (own**2).sum(axis=1),
            track_matrix=track_matrix,
            mixed_matrix=np.add.reduceat(weighted @ by_camera, begin, axis=0),
            camera_matrix=every_weighted.T @ every + certainty,
            track_gradient=np.add.reduceat((weighted @ residual[:, :, None])[:, :, 0], begin, axis=0)
            + own / self._spread,
            camera_gradient=every_weighted.T @ residual.ravel() + certainty @ off,
            camera_cost=float(off @ certainty @ off),
            misfit=np.add.reduceat((weight * square).sum(axis=1), begin)
            / np.maximum(np.add.reduceat(weight.sum(axis=1), begin), _SOLVABLE),
        )

    def misfits(self, camera: F64, tracks: F64) -> F64:
        """Return (N,) mean squared residual of each observation, in variances; NaN where the edge cuts its box."""
        residual, _, _, weight = self._residuals(camera, tracks)
        told = weight > 0
        mean = (told * residual**2).sum(axis=1) / np.maximum(told.sum(axis=1), 1)
        return np.where(told.any(axis=1), mean, np.nan)

    def _residuals(self, camera: F64, tracks: F64) -> tuple[F64, F64, F64, F64]:
        """Return (N, 3) residuals in standard deviations, their derivatives and weights."""
        seen, focal_px = self.observations, np.exp(camera[LOG_FOCAL])
        poses = self.way.at(seen.time_s + camera[DELAY])
        own = tracks[seen.track]
        ahead = _direction(own[:, BEARING])
        distance = np.exp(own[:, LOG_DISTANCE])[:, None]
        away = (self.anchor_m[seen.track] - poses.position_m) + distance * ahead
        right_axis, front_axis = _axes(poses.heading_rad + camera[YAW])
        x, z = _dot(away, right_axis), np.maximum(_dot(away, front_axis), _NEAREST_M)
        scale = focal_px / z
        sideways = np.stack([ahead[:, 1], -ahead[:, 0]], axis=-1) * distance
        drive = poses.velocity_m_s
        turned = poses.turn_rad_s
        dx = np.stack([_dot(sideways, right_axis), _dot(distance * ahead, right_axis)], axis=-1)
        dz = np.stack([_dot(sideways, front_axis), _dot(distance * ahead, front_axis)], axis=-1)
        camera_dx = np.stack([-z, -_dot(drive, right_axis) - z * turned], axis=-1)
        camera_dz = np.stack([x, -_dot(drive, front_axis) + x * turned], axis=-1)
        tangent, size, rise = x / z, np.exp(own[:, LOG_SIZE]), own[:, RISE]
        residual = np.stack(
            [
                scale * x - seen.column_px,
                np.log(scale * size) - seen.log_height,
                camera[HORIZON] - scale * rise - seen.row_px,
            ],
            axis=-1,
        )
        by_track, by_camera = np.zeros((len(x), 3, 4)), np.zeros((len(x), 3, 4))
        for target, columns, d_x, d_z in (
            (by_track, slice(0, 2), dx, dz),
            (by_camera, slice(1, 3), camera_dx, camera_dz),
        ):
            target[:, 0, columns] = scale[:, None] * (d_x - tangent[:, None] * d_z)
            target[:, 1, columns] = -d_z / z[:, None]
            target[:, 2, columns] = (scale * rise / z)[:, None] * d_z
        by_track[:, 1, LOG_SIZE], by_track[:, 2, RISE] = 1, -scale
        by_camera[:, 0, LOG_FOCAL], by_camera[:, 1, LOG_FOCAL] = scale * x, 1
        by_camera[:, 2, LOG_FOCAL], by_camera[:, 2, HORIZON] = -scale * rise, 1
        # Weighted by the expected focal length: else a longer one would seem the better, since its angles are smaller.
        given_px = np.exp(self.expected.numbers[LOG_FOCAL])
        turn = 1 + (seen.column_px / given_px) ** 2
        moved = _WAY_ERROR_M * np.exp(seen.log_height) / (given_px * _USUAL_SIZE_M)
        aside_px = given_px * np.hypot(turn * poses.heading_error_rad, np.sqrt(turn) * moved)
        error = np.stack(
            [
                np.hypot(seen.error[:, 0], aside_px),
                np.hypot(seen.error[:, 1], np.hypot(_SIZE_ERROR, moved)),
                np.hypot(seen.error[:, 2], given_px * _PITCH_ERROR_RAD),
            ],
            axis=-1,
        )
        return residual / error, by_track / error[:, :, None], by_camera / error[:, :, None], seen.weight


class Linearised(NamedTuple):
    """The normal equations of T tracks and the camera."""

    cost: F64
    """(T,) robust cost of each track."""
    track_matrix: F64
    """(T, 4, 4) of the tracks' numbers."""
    mixed_matrix: F64
    """(T, 4, 4) of a track's numbers and the camera's."""
    camera_matrix: F64
    """(4, 4) of the camera's."""
    track_gradient: F64
    """(T, 4) slope of the cost."""
    camera_gradient: F64
    """(4,) slope of the cost."""
    camera_cost: float
    """What the camera's distance from what is expected costs."""
    misfit: F64
    """(T,) mean squared residual of each track, in variances."""

    @property
    def total(self) -> float:
        """What everything costs together."""
        return float(self.cost.sum()) + self.camera_cost

    def track_steps(self, damping: F64 | float) -> F64:
        """Return (T, 4) steps of the tracks alone; they are to be subtracted."""
        return np.asarray(np.linalg.solve(self._damped(damping), self.track_gradient[:, :, None])[:, :, 0])

    def steps(self, damping: float) -> tuple[F64, F64]:
        """Return the steps of the camera (4,) and of the tracks (T, 4); they are to be subtracted."""
        matrix = self._damped(damping)
        solved = np.linalg.solve(matrix, np.concatenate([self.mixed_matrix, self.track_gradient[:, :, None]], axis=2))
        reduced = self.camera_matrix * (1 + damping * np.eye(4)) - np.einsum(
            "tij,tik->jk", self.mixed_matrix, solved[:, :, :4]
        )
        gradient = self.camera_gradient - np.einsum("tij,ti->j", self.mixed_matrix, solved[:, :, 4])
        camera = np.linalg.solve(reduced, gradient)
        return camera, solved[:, :, 4] - solved[:, :, :4] @ camera

    def camera_covariance(self) -> F64:
        """Return (4, 4) how sure the camera is."""
        solved = np.linalg.solve(self.track_matrix, self.mixed_matrix)
        return np.linalg.inv(self.camera_matrix - np.einsum("tij,tik->jk", self.mixed_matrix, solved))

    def track_covariances(self, camera_covariance: F64) -> F64:
        """Return (T, 4, 4) how sure the tracks are, with what a camera adds that is only so sure."""
        own = np.linalg.inv(self.track_matrix)
        carried = own @ self.mixed_matrix
        return np.asarray(own + carried @ camera_covariance @ carried.transpose(0, 2, 1))

    def _damped(self, damping: F64 | float) -> F64:
        return self.track_matrix * (1 + np.reshape(damping, (-1, 1, 1)) * np.eye(4))


class Fit(NamedTuple):
    """The numbers that fit best."""

    camera: F64
    """(4,) of the camera."""
    tracks: F64
    """(T, 4) of the tracks."""
    equations: Linearised
    """The equations there."""


def fit(scene: Scene, camera: F64, tracks: F64 | None = None, *, rounds: int = 12, camera_known: bool = False) -> Fit:
    """Return the best numbers of the camera and the tracks, from a guess of the camera.

    Args:
        scene: what is fitted.
        camera: (4,) the guess.
        tracks: (T, 4) guesses of the tracks; by default those of :meth:`Scene.start`.
        rounds: most steps of the camera.
        camera_known: leave the camera as it is.
    """
    tracks, equations = _fit_tracks(scene, camera, scene.start(camera) if tracks is None else tracks, rounds=8)
    damping = 1e-3
    for _ in range(0 if camera_known else rounds):
        camera_step, track_steps = equations.steps(damping)
        next_camera = camera - np.clip(camera_step, -_LARGEST_STEP, _LARGEST_STEP)
        next_tracks, found = _fit_tracks(scene, next_camera, _moved(tracks, -track_steps), rounds=2)
        gain = equations.total - found.total
        if gain <= 0:
            damping *= 10
            if damping > 1e4:
                break
            continue
        camera, tracks, equations, damping = next_camera, next_tracks, found, max(damping / 5, 1e-6)
        if gain < 1e-4 * max(1.0, equations.total):
            break
    return Fit(camera, tracks, equations)


_LARGEST_STEP = np.array([0.3, 0.1, 0.5, 100.0])


def _fit_tracks(scene: Scene, camera: F64, tracks: F64, *, rounds: int) -> tuple[F64, Linearised]:
    """Return the tracks that fit a camera, each by steps of its own."""
    damping = np.full(len(tracks), 1e-2)
    found = scene.linearised(camera, tracks)
    for _ in range(rounds):
        tried = _moved(tracks, -found.track_steps(damping))
        after = scene.linearised(camera, tried)
        better = after.cost < found.cost
        tracks = np.where(better[:, None], tried, tracks)
        damping = np.where(better, np.maximum(damping / 5, 1e-6), damping * 10)
        if not better.any():
            break
        found = scene.linearised(camera, tracks) if not better.all() else after
    return tracks, found


def _moved(tracks: F64, by: F64) -> F64:
    """Return the tracks after a step that leads none of them out of sight."""
    moved = tracks + np.clip(by, [-0.5, -0.7, -0.7, -3.0], [0.5, 0.7, 0.7, 3.0])
    moved[:, LOG_DISTANCE] = np.clip(moved[:, LOG_DISTANCE], math.log(1.0), math.log(1000.0))
    return moved


def _direction(bearing_rad: F64) -> F64:
    """Return (N, 2) unit vectors, east and north."""
    return np.stack([np.sin(bearing_rad), np.cos(bearing_rad)], axis=-1)


def _axes(heading_rad: F64) -> tuple[F64, F64]:
    """Return (N, 2) unit vectors to the right and to the front."""
    sine, cosine = np.sin(heading_rad), np.cos(heading_rad)
    return np.stack([cosine, -sine], axis=-1), np.stack([sine, cosine], axis=-1)


def _dot(a: F64, b: F64) -> F64:
    return a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1]
