"""Boxes of the drawn drive with the places of what they show, and what a receiver says of its way."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamvision.core.position import Fix
from streamvision.datasets.trip.receiver import wander_m
from streamvision.datasets.trip.spec import GpsNoise
from streamvision.datasets.trip.world import DriveWorld, TrueObject
from streamvision.geolocation.records import PlacedTrack, PlaceOnEarth, TrackBoxes
from streamvision.gps.earth import offset_m
from streamvision.gps.track import GpsTrack
from streamvision.synthetic.drive import DriveScene

START_S = 1_782_032_400.0
"""A morning in June, so that the sun is up."""
PICTURE_PX = (1280, 720)
FOCAL_PX, HORIZON_PX = 0.9 * 1280, 0.46 * 720
F64 = NDArray[np.float64]
INDEPENDENT, CORRELATED, MIXED = GpsNoise(3.0, 0.0), GpsNoise(0.0, 3.0), GpsNoise(2.1, 2.1)


@dataclass(frozen=True, eq=False)
class DrawnDrive:
    """A lap of the drawn drive."""

    tracks: tuple[TrackBoxes, ...]
    """Exact boxes, ten times a second."""
    objects: dict[int, TrueObject]
    """What they show, by the number of the track."""
    world: DriveWorld
    """Where everything is."""
    seconds: float
    """How long it takes."""

    def way(self, noise: GpsNoise, seed: int) -> GpsTrack:
        """Return a fix a second as a receiver says it, speed and course with it."""
        rng = np.random.default_rng((seed, 5))
        time_s = np.arange(0.0, self.seconds)
        truth = self.world.camera_way(time_s)
        said = truth.moved(wander_m(rng, noise, time_s), wander_m(rng, noise, time_s))
        speed = np.abs(truth.speed_m_s + rng.normal(0, 0.2, len(time_s)))
        course = (truth.course_deg + rng.normal(0, 0.8, len(time_s))) % 360
        rows = zip(said.latitude_deg, said.longitude_deg, START_S + time_s, speed, course, strict=True)
        fixes = [
            Fix(float(lat), float(lon), float(unix_s), speed_m_s=float(fast), course_deg=float(turn))
            for lat, lon, unix_s, fast, turn in rows
        ]
        return GpsTrack(fixes, "container")

    def off_m(self, row: PlacedTrack) -> float:
        """Return how far a row's place is from where its object stands."""
        assert row.place is not None
        return math.hypot(*self.error_m(row.place, row.track.track_id))

    def error_m(self, place: PlaceOnEarth, number: int) -> tuple[float, float]:
        """Return how far to the east and north a place is from where an object stands."""
        true = self.objects[number]
        at = (place.latitude_deg, place.longitude_deg)
        return offset_m(*at, from_deg=(true.latitude_deg, true.longitude_deg))


@functools.lru_cache(maxsize=4)
def drawn_drive(seed: int, *, seconds: float = math.inf) -> DrawnDrive:
    """Return the drive of a seed, or its beginning: those of its objects that are seen for half a second or longer."""
    scene = DriveScene(*PICTURE_PX, 10.0, seed)
    rows: dict[int, list[tuple[float, ...]]] = {}
    names: dict[int, str] = {}
    frames = int(min(scene.lap_frames, seconds * 10))
    for index in range(frames):
        found = scene.objects_at(index)
        assert found.track_id is not None
        for box, class_id, number in zip(found.box_xyxy_px, found.class_id, found.track_id.data, strict=True):
            rows.setdefault(int(number), []).append((index / 10.0, *map(float, box)))
            names[int(number)] = scene.names[class_id]
    tracks = [_track(number, names[number], np.array(seen)) for number, seen in rows.items() if len(seen) >= 5]
    world = DriveWorld(scene, 1104.0, (48.2, 11.6), 70.0)
    objects = {found.id: found for found in world.objects()}
    return DrawnDrive(tuple(tracks), objects, world, frames / 10.0)


def _track(number: int, name: str, rows: F64) -> TrackBoxes:
    return TrackBoxes(number, name, START_S + rows[:, 0], rows[:, 1:5], np.full(len(rows), 0.9), PICTURE_PX)
