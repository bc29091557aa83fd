"""Exact boxes of drawn drives over many seeds: how well objects are placed, and whether a second drive knows them.

No picture is painted, so that what the places come to is seen alone; the detector's share is measured on cards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from benchmarks.trip.objects import apart_m
from streamvision.core.position import Fix
from streamvision.datasets.trip import GpsNoise, TripSpec
from streamvision.datasets.trip.painting import scene_of
from streamvision.datasets.trip.receiver import readings_of
from streamvision.datasets.trip.world import DriveWorld, TrueObject
from streamvision.geolocation.merging import merge
from streamvision.geolocation.placing import place_tracks
from streamvision.geolocation.records import PlacedTrack, Placement, TrackBoxes
from streamvision.gps.track import GpsTrack

_LEAST_FRAMES = 5


@dataclass(frozen=True, eq=False)
class _Drive:
    placement: Placement
    objects: dict[int, TrueObject]
    """What was there to be seen."""


def measure_places(specs: Sequence[TripSpec], noises: Mapping[str, GpsNoise]) -> dict[str, Any]:
    """Return for each kind of noise the figures of each road, and their means and ranges."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in noises}
    for spec in specs:
        for name, noise in noises.items():
            rows[name].append(_measured(replace(spec, noise=noise)))
    seeds = [spec.seed for spec in specs]
    return {name: {"seeds": seeds, "spread": _spread(each), "each": each} for name, each in rows.items()}


def _spread(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    return {
        name: {
            "mean": round(float(np.mean([row[name] for row in rows])), 3),
            "least": min(row[name] for row in rows),
            "most": max(row[name] for row in rows),
        }
        for name in ("found_share", "false_share", "median_m", "p90_m", "merged_share")
    }


def _measured(spec: TripSpec) -> dict[str, Any]:
    first, second = (_driven(spec, drive) for drive in (0, 1))
    known = merge([], first.placement)
    after = merge(known.objects, second.placement)
    off_m = [apart_m(row.place, first.objects[_number(row)]) for row in first.placement.placed if row.place]
    own = [_number(row) for row in first.placement.placed]
    found = {_number(row) for row in first.placement.placed if row.place and own.count(_number(row)) == 1}
    numbers = [dict(zip(map(_number, one.placement.placed), ids, strict=True)) for one, ids in (
        (first, known.object_ids), (second, after.object_ids)
    )]  # fmt: skip
    both = [number for number in numbers[0] if number in second.objects]
    merged = sum(numbers[1].get(number) == numbers[0][number] for number in both)
    return {
        "objects": len(first.objects),
        "placed": len(off_m),
        "found_share": _share(len(found & set(first.objects)), len(first.objects)),
        "false_share": _share(len(own) - len(set(own)), len(own)),
        "median_m": round(float(np.median(off_m)), 2),
        "p90_m": round(float(np.quantile(off_m, 0.9)), 2),
        "merged_share": _share(merged, len(both)),
    }


def _share(part: int, of: int) -> float:
    return round(part / max(of, 1), 4)


def _number(row: PlacedTrack) -> int:
    return row.track.track_id


def _driven(spec: TripSpec, drive: int) -> _Drive:
    scene = scene_of(replace(spec, noise=GpsNoise()), drive)
    world = DriveWorld(
        scene, scene.course.position_m(spec.begin_of(drive) + spec.duration_s), spec.origin_deg, spec.bearing_deg
    )
    boxes = _boxes(replace(spec, noise=GpsNoise()), drive)
    objects = {one.id: one for one in world.objects() if len(boxes.get(one.id, ())) >= _LEAST_FRAMES}
    tracks = [_track(objects[number], np.array(rows), spec) for number, rows in boxes.items() if number in objects]
    return _Drive(place_tracks(tracks, _way(spec, drive, world)), objects)


@lru_cache(maxsize=2)
def _boxes(spec: TripSpec, drive: int) -> dict[int, list[tuple[float, ...]]]:
    """Return (time, box) of each object in each frame; the receiver's noise changes nothing of it."""
    scene = scene_of(spec, drive)
    boxes: defaultdict[int, list[tuple[float, ...]]] = defaultdict(list)
    for frame in range(spec.frames):
        found = scene.objects_at(frame)
        assert found.track_id is not None
        for number, box in zip(found.track_id.tolist(), found.box_xyxy_px.astype(float).tolist(), strict=True):
            boxes[number].append((spec.start_unix_s(drive) + frame / spec.fps, *box))
    return boxes


def _track(one: TrueObject, rows: np.ndarray, spec: TripSpec) -> TrackBoxes:
    size = spec.width_px, spec.height_px
    return TrackBoxes(one.id, one.class_name, rows[:, 0], rows[:, 1:], np.ones(len(rows)), size)


def _way(spec: TripSpec, drive: int, world: DriveWorld) -> GpsTrack:
    fixes = [
        Fix(
            one.latitude_deg,
            one.longitude_deg,
            unix_s=one.unix_s,
            altitude_m=one.altitude_m,
            speed_m_s=one.speed_m_s,
            course_deg=one.course_deg,
        )
        for one in readings_of(spec, drive, world)
        if one.has_fix
    ]
    return GpsTrack(fixes, "container")
