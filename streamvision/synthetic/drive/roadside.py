"""What stands beside the road along the lap, and where: signs and lights on their poles, trees, houses, lamp posts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from streamvision.synthetic.drive import signs, textures
from streamvision.synthetic.drive.planes import Sprite
from streamvision.synthetic.drive.signs import Face
from streamvision.synthetic.drive.textures import Facade, create_facade
from streamvision.synthetic.drive.view import F64, LAP_M, Moment

StationKind = Literal["speedlimit", "crosswalk", "trafficlight", "stop"]
STATIONS = 15
SIGN_X_M = 9.0
"""Signs stand this far from the middle of the road."""
_VERGE_X_M = 12.5
_RIGHT, _UP = np.array([-1.0, 1.0, 1.0, -1.0]), np.array([1.0, 1.0, 0.0, 0.0])


@dataclass(frozen=True)
class Mounted:
    """One face on a pole."""

    face: Face | None
    """What it is; ``None`` for a traffic light, whose face changes."""
    x_m: float
    """Its middle, right of the pole."""
    low_m: float
    """Height of its lower edge."""
    yaw_rad: float
    """Turned away from the traffic, positive to the right."""
    identity: int | None
    """Counts the objects of the lap from 0; ``None`` for what the model is not to find."""


@dataclass(frozen=True)
class Pole:
    """A pole with all that hangs on it."""

    s_m: float
    """Place along the lap."""
    x_m: float
    """Right of the middle of the road."""
    height_m: float
    """Of its top."""
    arm_m: float
    """How far its arm reaches over the road, to the left; 0 for none."""
    mounted: tuple[Mounted, ...]
    """What it carries."""


@dataclass(frozen=True, eq=False)
class Plant:
    """A tree or a bush."""

    s_m: float
    x_m: float
    height_m: float
    sprite: Sprite
    mirrored: bool


@dataclass(frozen=True, eq=False)
class House:
    """A box with fronts towards the road and towards the traffic."""

    s_m: float
    length_m: float
    near_x_m: float
    """The front that faces the road; negative on the left."""
    depth_m: float
    height_m: float
    facade: Facade


@dataclass(frozen=True)
class Marking:
    """Paint across the road."""

    s_m: float
    kind: Literal["zebra", "stop_line"]


@dataclass(frozen=True, eq=False)
class Roadside:
    """All of it."""

    poles: tuple[Pole, ...]
    plants: tuple[Plant, ...]
    houses: tuple[House, ...]
    markings: tuple[Marking, ...]
    lamp_posts_s_m: tuple[float, ...]
    """Street lamps stand on both sides at these places."""
    slow_zones: tuple[tuple[float, float], ...]
    """Place and speed (metres a second) where the car slows down."""
    objects: int
    """How many objects the model is to find in a lap."""


def create_roadside(rng: np.random.Generator) -> Roadside:
    """Lay out a lap: each third, which has its own weather, shows each class at least once."""
    kinds: list[StationKind] = []
    for _ in range(3):
        third: list[StationKind] = ["speedlimit", "crosswalk", "trafficlight", "stop", "speedlimit"]
        kinds.extend(third[i] for i in rng.permutation(len(third)))
    pitch_m = LAP_M / STATIONS
    places_m = [(i + 0.55 + rng.uniform(-0.12, 0.12)) * pitch_m for i in range(STATIONS)]
    stations = _Stations(rng)
    poles: list[Pole] = []
    markings: list[Marking] = []
    slow_zones: list[tuple[float, float]] = []
    for kind, s_m in zip(kinds, places_m, strict=True):
        poles.extend(stations.poles(kind, s_m))
        if kind in ("crosswalk", "trafficlight"):
            markings.append(Marking(s_m + 3.0, "zebra"))
        if kind in ("stop", "trafficlight"):
            markings.append(Marking(s_m - 0.5, "stop_line"))
        slow_zones.append((s_m - 8, {"speedlimit": 14.5, "crosswalk": 11.0, "trafficlight": 7.0, "stop": 5.0}[kind]))
    towns = [(0.20 * LAP_M, 0.44 * LAP_M), (0.56 * LAP_M, 0.82 * LAP_M)]
    houses = _houses(rng, towns)
    lamps = tuple(float(s) for s in np.arange(14.0, LAP_M, 46.0) if any(a - 20 < s < b + 20 for a, b in towns))
    return Roadside(
        tuple(poles), _plants(rng, towns), houses, tuple(markings), lamps, tuple(slow_zones), stations.objects
    )


class _Stations:
    """Puts signs and lights on poles, and numbers the objects."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self.objects = 0

    def poles(self, kind: StationKind, s_m: float) -> list[Pole]:
        """Return the poles of a station."""
        if kind == "trafficlight":
            return self._lights(s_m)
        if kind == "stop":
            return [self._signs(s_m, SIGN_X_M, signs.stop())]
        if kind == "crosswalk":
            return [self._signs(s_m, x_m, signs.crosswalk()) for x_m in (SIGN_X_M, -SIGN_X_M)]
        limit = signs.speed_limit(int(self._rng.choice(signs.SPEEDS_KM_H)))
        choice = self._rng.uniform()
        if choice < 0.35:
            return [self._signs(s_m, SIGN_X_M, limit)]
        if choice < 0.75:
            other = signs.DISTRACTORS[self._rng.integers(len(signs.DISTRACTORS))]()
            return [self._signs(s_m, SIGN_X_M, limit, other)]
        return [self._signs(s_m, x_m, limit) for x_m in (SIGN_X_M, -SIGN_X_M)]

    def _signs(self, s_m: float, x_m: float, *faces: Face) -> Pole:
        """Hang signs one above the other."""
        low_m = float(self._rng.uniform(2.0, 2.5))
        mounted = []
        yaw_rad = float(self._rng.uniform(-0.16, 0.10)) * np.sign(x_m)
        for face in faces:
            mounted.append(self._mounted(face, 0.0, low_m, yaw_rad))
            low_m += face.height_m + 0.05
        return Pole(s_m, x_m, low_m + 0.02, 0.0, tuple(mounted))

    def _lights(self, s_m: float) -> list[Pole]:
        """Put lights on the right, over the lanes and on the left, and a crossing sign beneath."""
        reach_m = SIGN_X_M + 0.3 - float(self._rng.uniform(2.6, 4.6))
        right = (
            self._mounted(None, 0.0, 2.5, -0.05),
            self._mounted(None, -reach_m, 5.05, 0.0),
            self._mounted(signs.crosswalk(), 0.75, 2.7, -0.08),
        )
        left = self._mounted(None, 0.0, 2.5, 0.05)
        return [Pole(s_m, SIGN_X_M + 0.3, 6.3, reach_m + 0.4, right), Pole(s_m, -SIGN_X_M, 3.7, 0.0, (left,))]

    def _mounted(self, face: Face | None, x_m: float, low_m: float, yaw_rad: float) -> Mounted:
        if face is not None and face.class_id is None:
            return Mounted(face, x_m, low_m, yaw_rad, None)
        self.objects += 1
        return Mounted(face, x_m, low_m, yaw_rad, self.objects - 1)


def _plants(rng: np.random.Generator, towns: list[tuple[float, float]]) -> tuple[Plant, ...]:
    grown = ((textures.broadleaf, 4), (textures.conifer, 3), (textures.poplar, 2), (textures.bush, 3))
    broad, spruces, slender, bushes = ([grow(rng) for _ in range(count)] for grow, count in grown)
    plants = []
    for side in (-1, 1):
        s_m = float(rng.uniform(0, 8))
        while s_m < LAP_M - 2:
            if any(a < s_m < b for a, b in towns):
                sprites, x_m = broad, _VERGE_X_M + rng.uniform(0, 2)
                height_m, step_m = rng.uniform(5, 7), rng.uniform(18, 32)
            elif np.sin(2 * np.pi * (3 * s_m / LAP_M) + side) > 0.1:  # a wood
                sprites = spruces if rng.uniform() < 0.62 else broad
                x_m = _VERGE_X_M + 1 + 13 * rng.uniform() ** 1.5
                height_m, step_m = rng.uniform(7, 13), rng.uniform(7, 13)
            else:
                sprites = (bushes, broad, slender)[rng.choice(3, p=[0.5, 0.3, 0.2])]
                x_m = _VERGE_X_M + 26 * rng.uniform() ** 1.3
                height_m, step_m = rng.uniform(6, 10), rng.uniform(11, 26)
            if sprites is bushes:
                height_m = rng.uniform(1.2, 2.2)
            sprite = sprites[rng.integers(len(sprites))]
            plants.append(Plant(s_m, side * float(x_m), float(height_m), sprite, bool(rng.uniform() < 0.5)))
            s_m += float(step_m)
    return tuple(plants)


def _houses(rng: np.random.Generator, towns: list[tuple[float, float]]) -> tuple[House, ...]:
    facades = [create_facade(rng) for _ in range(5)]
    houses = []
    for begin_m, end_m in towns:
        for side in (-1, 1):
            s_m = begin_m + rng.uniform(0, 12)
            while s_m < end_m:
                length_m = float(rng.uniform(22, 36))
                near_x_m, depth_m, height_m = (float(rng.uniform(*span)) for span in ((17, 21), (12, 18), (10, 19)))
                facade = facades[rng.integers(len(facades))]
                houses.append(House(s_m, length_m, side * near_x_m, depth_m, height_m, facade))
                s_m += length_m + float(rng.uniform(8, 26))
    return tuple(houses)


@dataclass(frozen=True, eq=False)
class SeenFace:
    """A face in view."""

    face: Face
    """What is seen."""
    mounted: Mounted
    """What it belongs to."""
    corners_px: F64
    """(4, 2) corners, clockwise from its top left."""
    z_m: float
    """Distance."""
    lap: int
    """The lap in which the car passes it."""


def faces_of(moment: Moment, pole: Pole) -> list[SeenFace]:
    """Return the faces on a pole as they are seen now."""
    z_m = moment.ahead_m(pole.s_m)
    pole_x_m = moment.road_to_camera_m(pole.x_m, z_m)
    lap = round((moment.s_m + z_m - pole.s_m) / LAP_M)
    turn_rad = moment.turn_rad(z_m)
    seen = []
    for mounted in pole.mounted:
        face = mounted.face or signs.traffic_light(_lamp_shown(moment, pole, z_m))
        angle = turn_rad + mounted.yaw_rad
        half_x, half_z = face.width_m / 2 * math.cos(angle), -face.width_m / 2 * math.sin(angle)
        x_m = pole_x_m + mounted.x_m + half_x * _RIGHT
        height_m = mounted.low_m + _UP * face.height_m
        depth_m = z_m + half_z * _RIGHT
        seen.append(SeenFace(face, mounted, moment.camera.project(x_m, height_m, depth_m), z_m, lap))
    return seen


def lamp_at(light_s_m: float, time_s: float) -> signs.Lamp:
    """Return what the traffic light at a place of the lap shows where lights change by time."""
    phase_s = (time_s + light_s_m) % sum(lasts_s for _, lasts_s in _PROGRAM)
    for lamp, lasts_s in _PROGRAM:
        if phase_s < lasts_s:
            return lamp
        phase_s -= lasts_s
    return "red"


_PROGRAM: tuple[tuple[signs.Lamp, float], ...] = (("green", 11.0), ("amber", 3.0), ("red", 7.0), ("red+amber", 1.0))
"""What lights show one after the other, and for how many seconds."""


def _lamp_shown(moment: Moment, pole: Pole, distance_m: float) -> signs.Lamp:
    """Return what a light shows: red from afar and green in time, or what its program says."""
    if moment.lights_s is not None:
        return lamp_at(pole.s_m, moment.lights_s)
    if distance_m > 38:
        return "red"
    return "red+amber" if distance_m > 30 else "green"
