"""Objects in space as one camera sees them: a pinhole, cuboids on the road, and how both come from a box on a picture.

The camera's frame is metres: ``x`` to the right, ``y`` down, ``z`` ahead. A yaw is about the vertical: 0 points ahead,
away from the camera, and grows to the right. KITTI's ``rotation_y`` is this less a quarter turn, and so is its
observation angle ``alpha``: the yaw against the ray to the object, which is what a crop shows of it (Mousavian et al.,
"3D Bounding Box Estimation Using Deep Learning and Geometry", CVPR 2017).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Corners = tuple[float, float, float, float]
EDGE_PX, EDGE_SHARE = 1.0, 0.01
"""Standard deviation of where a box's lower edge is: so many pixels, and this share of its height."""
DISAGREEING = 3.0
"""Where two distances differ by more than so many of their standard deviations, the box does not end at the road."""
NEAR_M = 0.1
"""What is nearer than this cannot be seen."""
EDGES = ((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7))
"""Pairs of :attr:`Cuboid.corners_m` that an edge joins; the first four lie on the road."""


@dataclass(frozen=True)
class Pinhole:
    """A camera without distortion that looks level along the road."""

    focal_px: float
    """Focal length, the same for both axes."""
    center_x_px: float
    """Column straight ahead."""
    center_y_px: float
    """Row of the horizon."""
    height_m: float | None = None
    """Above a flat road; ``None`` where that is not known."""
    pitch_spread_rad: float = 0.0
    """Standard deviation of its angle with the road, as the car pitches."""

    def project(self, points_m: F64) -> F64:
        """Return (N, 2) columns and rows of (N, 3) points; those behind are taken as just ahead."""
        scale = self.focal_px / np.maximum(points_m[:, 2:], NEAR_M)
        found: F64 = points_m[:, :2] * scale + (self.center_x_px, self.center_y_px)
        return found

    def scaled(self, share: float) -> Pinhole:
        """Return the camera of a picture that was made smaller or larger."""
        return replace(
            self,
            focal_px=self.focal_px * share,
            center_x_px=self.center_x_px * share,
            center_y_px=self.center_y_px * share,
        )

    def road_m(self, row_px: float) -> float:
        """Return how far ahead a row below the horizon meets the road; infinity above it.

        Raises:
            ValueError: when the height is not known.
        """
        if self.height_m is None:
            raise ValueError("the camera's height above the road is not known")
        below_px = row_px - self.center_y_px
        return self.focal_px * self.height_m / below_px if below_px > 0 else math.inf


@dataclass(frozen=True)
class Cuboid:
    """Where an object is in space, and how large."""

    center_m: tuple[float, float, float]
    """Its middle: right, down and ahead of the camera."""
    size_lwh_m: tuple[float, float, float]
    """Length, width and height."""
    yaw_rad: float
    """Where its front points, -pi..pi."""
    spread: float = 0.0
    """Standard deviation of the logarithm of its distance, as it is expected; 0 for one that is known."""

    @cached_property
    def corners_m(self) -> F64:
        """(8, 3) its corners: the lower four around it from the front left one, then the upper four."""
        length, width, height = self.size_lwh_m
        ahead = np.array([length, length, -length, -length] * 2) / 2
        right = np.array([-width, width, width, -width] * 2) / 2
        down = np.repeat([height / 2, -height / 2], 4)
        sine, cosine = math.sin(self.yaw_rad), math.cos(self.yaw_rad)
        turned: F64 = np.stack([ahead * sine + right * cosine, down, ahead * cosine - right * sine], axis=1)
        return turned + self.center_m

    @property
    def distance_m(self) -> float:
        """From the camera to the nearest point of its sides, along the ground; 0 where it reaches around the camera."""
        x_m, _, z_m = self.center_m
        sine, cosine = math.sin(self.yaw_rad), math.cos(self.yaw_rad)
        along_m, across_m = abs(x_m * sine + z_m * cosine), abs(x_m * cosine - z_m * sine)
        length, width, _ = self.size_lwh_m
        return math.hypot(max(along_m - length / 2, 0.0), max(across_m - width / 2, 0.0))

    @property
    def score(self) -> float:
        """How sure its distance is, 0..1: one less the spread."""
        return 1 - min(max(self.spread, 0.0), 1.0)

    @property
    def ray_rad(self) -> float:
        """Direction of its middle from the camera, positive to the right."""
        return math.atan2(self.center_m[0], self.center_m[2])

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, rounded to what a camera can tell."""
        return {
            "center_m": [round(value, 3) for value in self.center_m],
            "size_lwh_m": [round(value, 3) for value in self.size_lwh_m],
            "yaw_rad": round(self.yaw_rad, 4),
            "distance_m": round(self.distance_m, 3),
            "score": round(self.score, 4),
        }


@dataclass(frozen=True)
class BoxedCuboid:
    """What a crop shows of a cuboid, without the camera: it is placed by the box and the camera.

    The box may move on with the object; what is told here stays about the same, so that distances follow the box.
    """

    size_lwh_m: tuple[float, float, float]
    """Length, width and height."""
    alpha_rad: float
    """Yaw against the ray to the object, -pi..pi."""
    depth_factor: float
    """Distance ahead of its middle, as a factor of that of an upright plate of its height that fills the box's."""
    offset: tuple[float, float]
    """Where its middle is seen, right of and below the box's middle, as shares of the box's sides."""
    spread: float
    """Standard deviation of the logarithm of its distance, as the network expects it."""

    @property
    def score(self) -> float:
        """How sure its distance is, 0..1: one less the spread."""
        return 1 - min(max(self.spread, 0.0), 1.0)

    def place(self, box_xyxy_px: Corners, camera: Pinhole, *, ends_at_road: bool = True) -> Cuboid:
        """Return the cuboid of a box on a picture of the camera.

        Where the camera's height is known, the distance at which the box's lower edge meets the road is taken into
        account, weighed by the inverse of its variance as the network's is; unless the two contradict each other.

        Args:
            box_xyxy_px: left, top, right and bottom of the object.
            camera: of the picture.
            ends_at_road: whether the box's lower edge may be the object's, and is not cut off by the picture's.
        """
        left, top, right, bottom = box_xyxy_px
        wide, tall = right - left, max(bottom - top, 1e-3)
        column_seen = (left + right) / 2 + self.offset[0] * wide
        z_m, spread = camera.focal_px * self.size_lwh_m[2] / tall * self.depth_factor, self.spread
        if ends_at_road and camera.height_m is not None:
            ray_rad = math.atan2(column_seen - camera.center_x_px, camera.focal_px)
            z_m, spread = self._with_road(z_m, bottom, tall, self.alpha_rad + ray_rad, camera)
        row = (top + bottom) / 2 + self.offset[1] * tall
        x_m = (column_seen - camera.center_x_px) * z_m / camera.focal_px
        y_m = (row - camera.center_y_px) * z_m / camera.focal_px
        yaw_rad = math.remainder(self.alpha_rad + math.atan2(x_m, z_m), 2 * math.pi)
        return Cuboid((x_m, y_m, z_m), self.size_lwh_m, yaw_rad, spread)

    def _with_road(
        self, z_m: float, bottom_px: float, tall_px: float, yaw_rad: float, camera: Pinhole
    ) -> tuple[float, float]:
        """Return the distance of the middle, and its spread, with what the road says of it."""
        near_m = camera.road_m(bottom_px)
        if not math.isfinite(near_m) or camera.height_m is None:
            return z_m, self.spread
        length, width, _ = self.size_lwh_m
        road_m = near_m + (length * abs(math.cos(yaw_rad)) + width * abs(math.sin(yaw_rad))) / 2
        edge_rad = (EDGE_PX + EDGE_SHARE * tall_px) / camera.focal_px
        road_spread = near_m * math.hypot(camera.pitch_spread_rad, edge_rad) / camera.height_m
        own, road = 1 / max(self.spread, 1e-3) ** 2, 1 / max(road_spread, 1e-3) ** 2
        away = math.log(road_m / z_m)
        if abs(away) > DISAGREEING * math.hypot(self.spread, road_spread):
            return z_m, self.spread
        return z_m * math.exp(away * road / (own + road)), 1 / math.sqrt(own + road)

    @classmethod
    def of(cls, cuboid: Cuboid, box_xyxy_px: Corners, camera: Pinhole) -> BoxedCuboid:
        """Return what :meth:`place` would turn back into this cuboid."""
        left, top, right, bottom = box_xyxy_px
        wide, tall = max(right - left, 1e-3), max(bottom - top, 1e-3)
        ((column, row),) = camera.project(np.array([cuboid.center_m])).tolist()
        factor = cuboid.center_m[2] * tall / (camera.focal_px * cuboid.size_lwh_m[2])
        offset = (column - (left + right) / 2) / wide, (row - (top + bottom) / 2) / tall
        alpha_rad = math.remainder(cuboid.yaw_rad - cuboid.ray_rad, 2 * math.pi)
        return cls(cuboid.size_lwh_m, alpha_rad, factor, offset, 0.0)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "size_lwh_m": [round(value, 3) for value in self.size_lwh_m],
            "alpha_rad": round(self.alpha_rad, 4),
            "depth_factor": round(self.depth_factor, 4),
            "offset": [round(value, 4) for value in self.offset],
            "score": round(self.score, 4),
        }
