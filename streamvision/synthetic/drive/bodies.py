"""The shapes of cars, vans and trucks: few faces each, so that they turn as they pass.

Vehicle coordinates in metres: ``x`` to the right, ``height`` above the road, ``z`` forward from the rear bumper.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
VehicleModel = Literal["hatchback", "wagon", "van", "truck"]
MODELS: tuple[VehicleModel, ...] = ("hatchback", "wagon", "van", "truck")
Part = Literal["paint", "trim", "glass", "shine", "plate", "tire", "rim", "tail", "head", "cargo", "seam"]
"""What a face is made of."""
_Profile = list[tuple[tuple[float, float, float], Part]]
"""Corners (z, height, half width) from rear to front, each with the part of the strip that begins there."""


@dataclass(frozen=True, eq=False)
class BodyFace:
    """A flat convex part of a body."""

    points_m: F64
    """(N, 3) x, height and z of its corners, in one sense of rotation seen from outside."""
    part: Part
    """What it is made of."""
    layer: int
    """Faces of higher layers are painted later."""
    light: float
    """Factor on its brightness."""


@dataclass(frozen=True, eq=False)
class Body:
    """The shape of one model."""

    faces: tuple[BodyFace, ...]
    points_m: F64
    """All faces' points, one after the other."""
    length_m: float
    """From bumper to bumper."""
    width_m: float
    """Without mirrors."""
    height_m: float
    """From road to roof."""
    lamp_height_m: float
    """Of the head- and tail-lamps."""

    @cached_property
    def begin(self) -> list[int]:
        """Index of each face's first point, and of the end."""
        return [0, *np.cumsum([len(face.points_m) for face in self.faces]).tolist()]

    @cached_property
    def layer(self) -> NDArray[np.int64]:
        """(N,) layer by face."""
        return np.array([face.layer for face in self.faces])

    @cached_property
    def coarse(self) -> NDArray[np.bool_]:
        """(N,) whether a face is drawn from afar too; by its tires a vehicle stands on the road, as high as it is."""
        return np.array([face.layer < 2 or face.part in ("tail", "head", "tire") for face in self.faces])

    def faces_camera(self, points_px: F64) -> NDArray[np.bool_]:
        """Return (N,) whether a face's outside is seen."""
        first = np.array(self.begin[:-1])
        ahead, back = points_px[first + 1] - points_px[first], points_px[first + 2] - points_px[first]
        return ahead[:, 0] * back[:, 1] - ahead[:, 1] * back[:, 0] > 0  # type: ignore[no-any-return]

    def mean_by_face(self, value: F64) -> F64:
        """Return (N,) means of a value of the points."""
        return np.add.reduceat(value, self.begin[:-1]) / np.diff(self.begin)


class _Builder:
    """Collects the faces of a body.

    Args:
        size_m: length, width and height.
        roof_half_m: half the width at the roof.
        profile: what goes from side to side.
    """

    def __init__(self, size_m: tuple[float, float, float], roof_half_m: float, profile: _Profile) -> None:
        self.length_m, self.width_m, self.height_m = size_m
        self._half_m, self._roof_half_m = self.width_m / 2, roof_half_m
        self.faces: list[BodyFace] = []
        self._middle = np.array([0.0, 0.45 * self.height_m, self.length_m / 2])
        for ((z0, y0, w0), part), ((z1, y1, w1), _) in itertools.pairwise(profile):
            self.add([(-w0, y0, z0), (w0, y0, z0), (w1, y1, z1), (-w1, y1, z1)], part)

    def add(self, points: Sequence[tuple[float, float, float]], part: Part, layer: int = 1) -> None:
        """Add a face; its outside is the side that looks away from the body's middle."""
        corners = np.array(points, np.float64)
        normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        normal /= max(float(np.linalg.norm(normal)), 1e-9)
        if normal @ (corners.mean(axis=0) - self._middle) < 0:
            corners, normal = corners[::-1].copy(), -normal
        light = 0.86 + 0.26 * max(normal[1], -0.9) - 0.07 * normal[0]
        self.faces.append(BodyFace(corners, part, layer, float(light)))

    def sides(self, outline: Sequence[tuple[float, float]], part: Part, layer: int, inset_m: float = 0.0) -> None:
        """Add a (z, height) outline to both sides, which lean inwards from the belt to the roof."""
        belt = 1.0 if self.height_m < 2 else self.height_m
        low_m, top_m = self._half_m - inset_m, self._roof_half_m - inset_m

        def half(y: float) -> float:
            return low_m if y <= belt else low_m + (top_m - low_m) * (y - belt) / max(self.height_m - belt, 1e-6)

        for side in (-1, 1):
            self.add([(side * (half(y) + 0.004 * layer), y, z) for z, y in outline], part, layer)

    def patch(self, z: float, x0: float, x1: float, y0: float, y1: float, part: Part) -> None:
        """Add an upright detail to the rear (z near 0) or the front, and its mirror image."""
        for left, right in ((x0, x1), (-x1, -x0)) if x0 > 0 else ((x0, x1),):
            self.add([(left, y0, z), (right, y0, z), (right, y1, z), (left, y1, z)], part, 3)

    def wheels(self, places: Sequence[float], radius: float) -> None:
        """Add wheels to both sides."""
        angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        parts: tuple[tuple[float, Part, int], ...] = ((1.16, "trim", 2), (1.0, "tire", 3), (0.6, "rim", 4))
        for z, (share, part, layer), side in itertools.product(places, parts, (-1, 1)):
            x, reach = side * (self._half_m + 0.01 * layer), share * radius
            self.add([(x, max(radius + reach * np.sin(a), 0.0), z + reach * np.cos(a)) for a in angle], part, layer)

    def build(self, lamp_height_m: float) -> Body:
        points = np.concatenate([face.points_m for face in self.faces])
        return Body(tuple(self.faces), points, self.length_m, self.width_m, self.height_m, lamp_height_m)


@lru_cache(maxsize=8)
def body_of(model: VehicleModel) -> Body:
    """Return the shape of a model."""
    return _truck() if model == "truck" else _van() if model == "van" else _car(wagon=model == "wagon")


def _car(*, wagon: bool) -> Body:
    length, roof_end = (4.6, 0.32) if wagon else (4.1, 0.66)
    top, w, r, front = 1.47, 0.90, 0.66, length - 4.1
    profile: _Profile = [
        ((0.12, 0.26, w), "trim"),
        ((0.0, 0.50, w), "paint"),
        ((0.03, 0.86, w), "paint"),
        ((0.12, 1.0, w), "glass"),
        ((roof_end, 1.41, r + 0.03), "paint"),
        ((1.3, top, r), "paint"),
        ((2.1 + front, 1.44, r), "glass"),
        ((2.95 + front, 0.99, w - 0.06), "paint"),
        ((3.9 + front, 0.79, w), "paint"),
        ((4.1 + front, 0.56, w), "trim"),
        ((4.04 + front, 0.22, w), "trim"),
    ]
    car = _Builder((length, 1.80, top), r, profile)
    outline = [(z, y) for (z, y, _), _ in profile]
    car.sides(outline[:4] + outline[7:], "paint", 1)
    car.sides(outline[3:8], "paint", 1)
    window = [(0.40, 1.03), (roof_end + 0.14, 1.36), (1.3, 1.41), (2.08 + front, 1.38), (2.72 + front, 1.03)]
    car.sides(window, "glass", 2)
    car.sides([(1.42, 1.02), (1.45, 1.40), (1.55, 1.40), (1.54, 1.02)], "paint", 3)
    car.sides([(1.12, 0.26), (1.12, 0.38), (2.96 + front, 0.38), (2.96 + front, 0.26)], "trim", 2)
    for z in (1.44, 2.46 + front):  # door gaps
        car.sides([(z, 0.40), (z, 1.0), (z + 0.018, 1.0), (z + 0.018, 0.40)], "trim", 2)
    car.sides([(0.5, 0.80), (0.5, 0.82), (3.7 + front, 0.78), (3.7 + front, 0.76)], "trim", 2)
    car.wheels((0.78, 3.28 + front), 0.32)
    slope = (roof_end - 0.12) / 0.41
    low_z, high_z = 0.12 + 0.09 * slope - 0.02, 0.12 + 0.33 * slope - 0.02
    car.add([(-0.70, 1.09, low_z), (0.1, 1.09, low_z), (-0.1, 1.33, high_z), (-0.60, 1.33, high_z)], "shine", 2)
    car.patch(-0.01, 0.56, 0.88, 0.70, 0.93, "tail")
    car.patch(-0.02, -0.26, 0.26, 0.60, 0.71, "plate")
    car.patch(0.02, 0.60, 0.84, 0.0, 0.28, "tire")
    car.patch(-0.01, -0.9, 0.9, 0.44, 0.50, "trim")
    end = 4.1 + front + 0.01
    car.patch(end - 0.06, 0.50, 0.86, 0.60, 0.76, "head")
    car.patch(end, -0.46, 0.46, 0.48, 0.68, "trim")
    car.patch(end + 0.01, -0.26, 0.26, 0.40, 0.50, "plate")
    car.patch(end - 0.06, 0.60, 0.84, 0.0, 0.26, "tire")
    return car.build(0.80)


def _van() -> Body:
    w = 1.0
    profile: _Profile = [
        ((0.06, 0.30, w), "trim"),
        ((0.0, 0.55, w), "paint"),
        ((0.06, 2.2, w - 0.08), "paint"),
        ((0.3, 2.3, w - 0.12), "paint"),
        ((3.7, 2.26, w - 0.12), "glass"),
        ((4.5, 1.25, w - 0.04), "paint"),
        ((5.2, 1.02, w), "paint"),
        ((5.3, 0.6, w), "trim"),
        ((5.24, 0.25, w), "trim"),
    ]
    van = _Builder((5.3, 2.0, 2.3), w, profile)
    van.sides([(z, y) for (z, y, _), _ in profile], "paint", 1)
    van.sides([(3.0, 1.35), (3.05, 1.95), (3.75, 1.95), (4.3, 1.35)], "glass", 2)
    van.wheels((0.95, 4.25), 0.36)
    van.patch(0.0, 0.08, 0.82, 1.25, 1.95, "glass")
    van.patch(-0.01, 0.86, 0.97, 0.72, 1.30, "tail")
    van.patch(-0.02, -0.012, 0.012, 0.60, 2.1, "seam")
    van.patch(-0.02, -0.26, 0.26, 0.62, 0.73, "plate")
    van.patch(-0.01, -1.0, 1.0, 0.46, 0.55, "trim")
    van.patch(0.05, 0.66, 0.92, 0.0, 0.32, "tire")
    van.patch(5.27, 0.56, 0.94, 0.74, 0.96, "head")
    van.patch(5.31, -0.5, 0.5, 0.62, 0.86, "trim")
    van.patch(5.32, -0.26, 0.26, 0.46, 0.57, "plate")
    van.patch(5.26, 0.66, 0.92, 0.0, 0.28, "tire")
    return van.build(0.88)


def _truck() -> Body:
    w = 1.25
    profile: _Profile = [
        ((0.0, 0.95, w), "cargo"),
        ((0.0, 3.6, w), "cargo"),
        ((6.6, 3.6, w), "cargo"),
        ((6.6, 2.9, w - 0.05), "paint"),
        ((8.6, 2.85, w - 0.05), "glass"),
        ((8.95, 1.75, w - 0.03), "paint"),
        ((9.0, 0.6, w), "trim"),
        ((8.95, 0.35, w), "trim"),
    ]
    truck = _Builder((9.0, 2.5, 3.6), w, profile)
    truck.sides([(0.0, 0.95), (0.0, 3.6), (6.6, 3.6), (6.6, 0.95)], "cargo", 1)
    truck.sides([(6.7, 0.5), (6.7, 2.9), (8.6, 2.85), (8.95, 1.75), (9.0, 0.5)], "paint", 1)
    truck.sides([(7.5, 1.75), (7.5, 2.6), (8.4, 2.6), (8.65, 1.75)], "glass", 2)
    truck.sides([(0.4, 0.5), (0.4, 0.95), (6.7, 0.95), (6.7, 0.5)], "trim", 1, inset_m=0.1)
    truck.wheels((1.2, 2.4, 7.9), 0.48)
    truck.patch(0.05, -1.15, 1.15, 0.55, 0.95, "trim")
    truck.patch(0.02, 0.72, 1.16, 0.0, 0.62, "tire")
    truck.patch(-0.01, -0.02, 0.02, 1.0, 3.55, "seam")
    truck.patch(-0.01, 0.34, 0.38, 1.0, 3.55, "seam")
    truck.patch(-0.01, -1.22, 1.22, 1.0, 1.06, "seam")
    truck.patch(0.0, 0.86, 1.18, 0.66, 0.84, "tail")
    truck.patch(0.0, -0.26, 0.26, 0.68, 0.80, "plate")
    truck.patch(9.01, 0.72, 1.14, 0.66, 0.92, "head")
    truck.patch(9.02, -0.62, 0.62, 0.95, 1.5, "trim")
    truck.patch(9.0, 0.78, 1.16, 0.0, 0.5, "tire")
    return truck.build(0.78)
