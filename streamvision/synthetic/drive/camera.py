"""The dashcam: a pinhole that looks along the road, level but for the car's vibration.

Road coordinates are in metres: ``x`` to the right of the camera, ``height`` above the ground, ``z`` ahead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

F64 = NDArray[np.float64]
CAMERA_HEIGHT_M = 1.4
NEAR_M = 0.8
"""Nothing is projected from nearer than this."""
_FOCAL_PER_WIDTH = 0.9  # a horizontal field of view of 58 degrees, as many dashcams have
_HORIZON_PER_HEIGHT = 0.46


@dataclass(frozen=True)
class Camera:
    """One frame's camera."""

    width_px: int
    """Width of the picture."""
    height_px: int
    """Height of the picture."""
    focal_px: float
    """Focal length."""
    horizon_px: float
    """Row of the horizon; it moves as the car pitches."""

    @property
    def center_px(self) -> float:
        """Column straight ahead."""
        return self.width_px / 2

    def project(self, x_m: ArrayLike, height_m: ArrayLike, z_m: ArrayLike) -> F64:
        """Return the (N, 2) continuous pixel coordinates of N points ahead; single numbers count for all points."""
        scale = self.focal_px / np.maximum(np.asarray(z_m, np.float64), NEAR_M)
        column = self.center_px + scale * np.asarray(x_m, np.float64)
        row = self.horizon_px + scale * (CAMERA_HEIGHT_M - np.asarray(height_m, np.float64))
        points = np.empty((max(np.size(column), np.size(row)), 2))
        points[:, 0], points[:, 1] = column, row
        return points

    def column_px(self, x_m: float, z_m: float) -> float:
        """Return the column of a point ahead."""
        return self.center_px + x_m * self.scale_px_per_m(z_m)

    def row_px(self, height_m: float, z_m: float) -> float:
        """Return the row of a point ahead."""
        return self.horizon_px + (CAMERA_HEIGHT_M - height_m) * self.scale_px_per_m(z_m)

    def scale_px_per_m(self, z_m: float) -> float:
        """Return how large a metre looks at a distance."""
        return self.focal_px / max(z_m, NEAR_M)


def create_camera(width_px: int, height_px: int, *, time_s: float, speed_m_s: float) -> Camera:
    """Return the camera of a moment: the engine shakes it a little, the road's waves pitch it slowly."""
    wobble = 0.0011 * np.sin(2 * np.pi * 0.43 * time_s) + 0.0007 * np.sin(2 * np.pi * 1.13 * time_s + 1.0)
    shake = 0.00028 * np.sin(2 * np.pi * 7.3 * time_s) * min(speed_m_s / 14.0, 1.2)
    focal_px = _FOCAL_PER_WIDTH * width_px
    return Camera(width_px, height_px, focal_px, _HORIZON_PER_HEIGHT * height_px + focal_px * float(wobble + shake))
