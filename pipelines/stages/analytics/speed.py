"""Speed over the ground: foot points through a homography, and the slope of a line through the newest of them.

The homography takes four points of the picture to their positions on a plane (Hartley and Zisserman, "Multiple View
Geometry", 2nd ed., 4.1). The slope is that of least squares with weights that fade exponentially, kept as running
sums: no history of points, however long the window.
"""

from __future__ import annotations

import numpy as np

from pipelines.stages.analytics.regions import ANCHOR_OFFSET
from pipelines.stages.analytics.track_table import Change, Float, FrameTracks
from streamvision.core.config.analytics import SpeedConfig
from streamvision.core.errors import ConfigError

KMH_OF_MPS = 3.6
_LEAST_WINDOW = 0.5
"""An object's speed is known once it has been seen for this share of the window."""
_SUMS = 7
_FOOT = np.array(ANCHOR_OFFSET["bottom"])


class GroundPlane:
    """From the picture to the ground.

    Args:
        config: four points of the picture, and where they are on the ground.

    Raises:
        ConfigError: when the points do not make a plane.
    """

    def __init__(self, config: SpeedConfig) -> None:
        ground_m = np.array(config.ground_m, np.float64)
        self._origin_m = ground_m.mean(axis=0)
        self._to_ground_m = _homography(np.array(config.picture, np.float64), ground_m - self._origin_m)
        sides = np.array(config.picture) @ self._to_ground_m[2, :2] + self._to_ground_m[2, 2]
        self._side = float(np.sign(sides.mean()))

    def ground_m(self, xy: Float) -> Float:
        """Return (n, 2) positions on the ground of (n, 2) points in fractions of the picture; NaN above the horizon."""
        homogeneous = np.concatenate([xy, np.ones((len(xy), 1))], axis=1) @ self._to_ground_m.T
        depth = homogeneous[:, 2:] * self._side
        ground: Float = homogeneous[:, :2] * self._side / np.where(depth > 1e-9, depth, np.nan)
        ground += self._origin_m
        return ground


class Speeds:
    """The speeds of one stream's identities.

    Args:
        config: the ground plane, and the time over which speed is smoothed.
        rows: length of the table now.
    """

    def __init__(self, config: SpeedConfig, *, rows: int = 0) -> None:
        self.config = config
        self._plane = GroundPlane(config)
        # Exponential weights of this time constant are as old on average as those of a window of twice its length.
        self._fade_s = config.window_s / 2
        self._sums = np.zeros((_SUMS, rows))
        self._first_s = np.full(rows, np.nan)
        self._last_s = np.zeros(rows)
        self._reported = np.zeros(rows, np.bool_)

    def follow(self, change: Change) -> None:
        """Follow a change of the table."""
        self._sums, self._first_s = change.applied(self._sums, 0.0), change.applied(self._first_s, np.nan)
        self._last_s, self._reported = change.applied(self._last_s, 0.0), change.applied(self._reported, False)

    def update(self, tracks: FrameTracks) -> Float:
        """Take the next frame's objects and return (n,) their speeds in km/h; NaN where not known, or not yet."""
        row, now_s = tracks.row, tracks.pts_s
        ground_m = self._plane.ground_m(tracks.anchor_px(_FOOT) / tracks.scale_px)
        visible = np.isfinite(ground_m).all(axis=1)
        row, ground_m = row[visible], ground_m[visible]
        first = np.isnan(self._first_s[row])
        self._first_s[row[first]] = now_s
        elapsed_s = np.where(first, 0.0, now_s - self._last_s[row])
        self._last_s[row] = now_s
        sums = _shift(self._sums[:, row], elapsed_s) * np.exp(-elapsed_s / self._fade_s)
        x, y = ground_m.T
        sums += np.stack(
            [np.ones_like(x), np.zeros_like(x), np.zeros_like(x), x, y, np.zeros_like(x), np.zeros_like(x)]
        )
        self._sums[:, row] = sums
        speed_kmh = np.full(len(tracks.row), np.nan)
        known = now_s - self._first_s[row] >= _LEAST_WINDOW * self.config.window_s
        speed_kmh[visible] = np.where(known, _slope(sums) * KMH_OF_MPS, np.nan)
        return speed_kmh

    def speeding(self, tracks: FrameTracks, speed_kmh: Float) -> list[int]:
        """Return the columns of those over the limit of which that was not reported yet."""
        if self.config.limit_kmh is None:
            return []
        over = np.flatnonzero((speed_kmh > self.config.limit_kmh) & ~self._reported[tracks.row])
        self._reported[tracks.row[over]] = True
        columns: list[int] = over.tolist()
        return columns


def _shift(sums: Float, elapsed_s: Float) -> Float:
    """Return the sums with the origin of time moved forward, so that they never grow with the clock."""
    weight, t, tt, x, y, tx, ty = sums
    return np.stack(
        [weight, t - elapsed_s * weight, tt - 2 * elapsed_s * t + elapsed_s**2 * weight, x, y, tx - elapsed_s * x,
         ty - elapsed_s * y]
    )  # fmt: skip


def _slope(sums: Float) -> Float:
    """Return (n,) lengths of the weighted least-squares velocities, in metres a second."""
    weight, t, tt, x, y, tx, ty = sums
    spread = weight * tt - t * t
    spread = np.where(spread > 1e-12, spread, np.nan)
    speed: Float = np.hypot((weight * tx - t * x) / spread, (weight * ty - t * y) / spread)
    return speed


def _homography(source: Float, target: Float) -> Float:
    """Return the (3, 3) matrix that takes four points to four others (direct linear transformation, h33 = 1 lifted)."""
    rows = []
    for (x, y), (u, v) in zip(source.tolist(), target.tolist(), strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, -u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, -v])
    try:
        solution: Float = np.linalg.svd(np.array(rows, np.float64))[2][-1]
    except np.linalg.LinAlgError as error:
        raise ConfigError(
            f"the four points of speed make no ground plane ({error}); give a rectangle's corners"
        ) from error
    return solution.reshape(3, 3)
