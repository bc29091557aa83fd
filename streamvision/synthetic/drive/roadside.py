"""What stands beside the road along the lap, and where: signs and lights on their poles, trees, houses, lamp posts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from streamvision.synthetic.drive import sign_faces, vegetation
from streamvision.synthetic.drive.course import LAP_M, Course
from streamvision.synthetic.drive.facades import Facade, create_facade
from streamvision.synthetic.drive.planes import Sprite
from streamvision.synthetic.drive.sign_faces import Face

StationKind = Literal["speedlimit", "crosswalk", "trafficlight", "stop"]
STATIONS = 15
SIGN_X_M = 9.0
"""Signs stand this far from the middle of the road."""
_VERGE_X_M = 12.5


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
    mounter = _Mounter(rng)
    poles: list[Pole] = []
    markings: list[Marking] = []
    slow_zones: list[tuple[float, float]] = []
    for kind, s_m in zip(kinds, places_m, strict=True):
        poles.extend(mounter.station(kind, s_m))
        if kind in ("crosswalk", "trafficlight"):
            markings.append(Marking(s_m + 3.0, "zebra"))
        if kind in ("stop", "trafficlight"):
            markings.append(Marking(s_m - 0.5, "stop_line"))
        slow_zones.append((s_m - 8, {"speedlimit": 14.5, "crosswalk": 11.0, "trafficlight": 7.0, "stop": 5.0}[kind]))
    towns = [(0.20 * LAP_M, 0.44 * LAP_M), (0.56 * LAP_M, 0.82 * LAP_M)]
    houses = _houses(rng, towns)
    lamps = tuple(float(s) for s in np.arange(14.0, LAP_M, 46.0) if any(a - 20 < s < b + 20 for a, b in towns))
    return Roadside(
        tuple(poles), _plants(rng, towns), houses, tuple(markings), lamps, tuple(slow_zones), mounter.objects
    )


class _Mounter:
    """Puts stations together and numbers their objects."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self.objects = 0

    def station(self, kind: StationKind, s_m: float) -> list[Pole]:
        if kind == "speedlimit":
            return self._speed_limit(s_m)
        if kind == "crosswalk":
            return [
                self._signs(s_m, SIGN_X_M, [sign_faces.crosswalk()]),
                self._signs(s_m, -SIGN_X_M, [sign_faces.crosswalk()]),
            ]
        if kind == "stop":
            return [self._signs(s_m, SIGN_X_M, [sign_faces.stop()])]
        return self._lights(s_m)

    def _speed_limit(self, s_m: float) -> list[Pole]:
        speed = int(self._rng.choice(sign_faces.SPEEDS_KM_H))
        limit = sign_faces.speed_limit(speed)
        choice = self._rng.uniform()
        if choice < 0.35:
            return [self._signs(s_m, SIGN_X_M, [limit])]
        if choice < 0.75:
            other = sign_faces.DISTRACTORS[self._rng.integers(len(sign_faces.DISTRACTORS))]()
            return [self._signs(s_m, SIGN_X_M, [other, limit])]
        return [self._signs(s_m, SIGN_X_M, [limit]), self._signs(s_m, -SIGN_X_M, [limit])]

    def _signs(self, s_m: float, x_m: float, top_to_bottom: list[Face]) -> Pole:
        """Hang signs one below the other."""
        low_m = float(self._rng.uniform(2.0, 2.5))
        mounted = []
        yaw_rad = float(self._rng.uniform(-0.16, 0.10)) * np.sign(x_m)
        for face in reversed(top_to_bottom):
            mounted.append(Mounted(face, 0.0, low_m, yaw_rad, self._identity(face.class_id is not None)))
            low_m += face.height_m + 0.05
        return Pole(s_m, x_m, low_m + 0.02, 0.0, tuple(mounted))

    def _lights(self, s_m: float) -> list[Pole]:
        """Put lights on the right, over the lanes and on the left, and a crossing sign beneath."""
        crosswalk = sign_faces.crosswalk()
        reach_m = SIGN_X_M + 0.3 - float(self._rng.uniform(2.6, 4.6))
        right = Pole(s_m, SIGN_X_M + 0.3, 6.3, reach_m + 0.4, (
            Mounted(None, 0.0, 2.5, -0.05, self._identity(True)),
            Mounted(None, -reach_m, 5.05, 0.0, self._identity(True)),
            Mounted(crosswalk, 0.75, 2.7, -0.08, self._identity(True)),
        ))  # fmt: skip
        left = Pole(s_m, -SIGN_X_M, 3.7, 0.0, (Mounted(None, 0.0, 2.5, 0.05, self._identity(True)),))
        return [right, left]

    def _identity(self, counts: bool) -> int | None:
        if not counts:
            return None
        self.objects += 1
        return self.objects - 1


def _plants(rng: np.random.Generator, towns: list[tuple[float, float]]) -> tuple[Plant, ...]:
    broad = [vegetation.broadleaf(rng) for _ in range(4)]
    spruces = [vegetation.conifer(rng) for _ in range(3)]
    slender = [vegetation.poplar(rng) for _ in range(2)]
    bushes = [vegetation.bush(rng) for _ in range(3)]
    plants = []
    for side in (-1, 1):
        s_m = float(rng.uniform(0, 8))
        while s_m < LAP_M - 2:
            in_town = any(a < s_m < b for a, b in towns)
            wood = np.sin(2 * np.pi * (3 * s_m / LAP_M) + side) > 0.1
            if in_town:
                kind, x_m, height_m, step_m = (
                    "broad",
                    _VERGE_X_M + rng.uniform(0, 2),
                    rng.uniform(5, 7),
                    rng.uniform(18, 32),
                )
            elif wood:
                kind = "spruce" if rng.uniform() < 0.62 else "broad"
                x_m, height_m, step_m = (
                    _VERGE_X_M + 1 + 13 * rng.uniform() ** 1.5,
                    rng.uniform(7, 13),
                    rng.uniform(7, 13),
                )
            else:
                kind = ("bush", "broad", "slender")[rng.choice(3, p=[0.5, 0.3, 0.2])]
                x_m, height_m, step_m = _VERGE_X_M + 26 * rng.uniform() ** 1.3, rng.uniform(6, 10), rng.uniform(11, 26)
            sprites = {"broad": broad, "spruce": spruces, "slender": slender, "bush": bushes}[kind]
            if kind == "bush":
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
                houses.append(
                    House(
                        s_m,
                        length_m,
                        side * float(rng.uniform(17, 21)),
                        float(rng.uniform(12, 18)),
                        float(rng.uniform(10, 19)),
                        facades[rng.integers(len(facades))],
                    )
                )
                s_m += length_m + float(rng.uniform(8, 26))
    return tuple(houses)


def lamp_shown(distance_m: float) -> sign_faces.Lamp:
    """Return what a traffic light shows to a car at a distance: red from afar, green in time."""
    if distance_m > 38:
        return "red"
    return "red+amber" if distance_m > 30 else "green"


def turned_face(mounted: Mounted, distance_m: float) -> Face:
    """Return the face as seen at a distance."""
    return mounted.face or sign_faces.traffic_light(lamp_shown(distance_m))


def course_of(rng: np.random.Generator, roadside: Roadside) -> Course:
    """Return the course that fits the roadside."""
    return Course(rng, list(roadside.slow_zones))
