"""Objects of a drive and those of the drives before it: which are the same, and where they are by all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import lap
import numpy as np
from numpy.typing import NDArray

from streamvision.geolocation.matching import MOST_APART, disagreement, place_of
from streamvision.geolocation.records import KnownObject, Merged, PlacedTrack, Placement, PlaceOnEarth, as_matrix
from streamvision.geolocation.way import Plane

F64 = NDArray[np.float64]
_LEAST_ERROR_M = 1.0
"""Better than this no number of drives makes a place: receivers err alike at one place, and so do boxes."""
_PLACED_M = 12.0
"""As for one drive: what may be farther off has no place."""
_MOST_MISSES = 2
"""Drives that did not see a candidate though it was in plain view: then it is forgotten."""


def merge(known: Sequence[KnownObject], placement: Placement) -> Merged:
    """Return all objects after one more drive; those that it saw for the first time get the next numbers.

    Each known object is at most one row of the drive, and the other way round (Jonker and Volgenant, 1987). Texts,
    classes, directions and sides of the road must agree, and places as far as both are known.

    A candidate counts where another drive has proven the object, an earlier or a later one; until then it waits, and
    is forgotten when drives pass it without seeing it.

    Args:
        known: the objects of the drives before.
        placement: what the drive saw.
    """
    objects = {found.id: found for found in known if found.is_proven or found.misses < _MOST_MISSES}
    proven = [found.id for found in known if found.is_proven]
    waiting = [number for number, found in objects.items() if not found.is_proven]
    rows, candidates = placement.placed, placement.candidates
    object_ids = _matched(rows, objects, proven, [None] * len(rows))
    object_ids = _matched(rows, objects, waiting, object_ids)
    left = sorted(set(proven) - set(object_ids))
    candidate_ids = _matched(candidates, objects, left, [None] * len(candidates))
    next_id = max((found.id for found in known), default=0) + 1
    numbers: list[int] = []
    for at, (row, match) in enumerate(zip((*rows, *candidates), (*object_ids, *candidate_ids), strict=True)):
        number = next_id if match is None else match
        next_id = max(next_id, number + 1)
        new = replace(_new(row, number), is_proven=at < len(rows))
        objects[number] = new if match is None else _updated(objects[match], row)
        numbers.append(number)
    found = tuple(objects[number] for number in sorted(objects))
    return Merged(found, tuple(numbers[: len(rows)]), tuple(numbers[len(rows) :]))


def _matched(
    rows: Sequence[PlacedTrack], objects: Mapping[int, KnownObject], among: Sequence[int], before: Sequence[int | None]
) -> list[int | None]:
    """Return the object of each row; those that have none before get one of those among which it is looked for."""
    ids = list(before)
    free = [at for at, number in enumerate(before) if number is None]
    found = _assigned(disagreement([rows[at] for at in free], [objects[number] for number in among]))
    for at, column in zip(free, found, strict=True):
        ids[at] = among[column] if column is not None else None
    return ids


def _assigned(apart: F64) -> list[int | None]:
    """Return the column of each row, or ``None``."""
    if not apart.size:
        return [None] * len(apart)
    _, column_of, _ = lap.lapjv(np.minimum(apart, 2 * MOST_APART), extend_cost=True, cost_limit=MOST_APART)
    return [int(column) if column >= 0 else None for column in column_of]


def _new(row: PlacedTrack, number: int) -> KnownObject:
    return KnownObject(
        number, row.track.class_name, row.track.text, row.place, rough_place=row.rough_place, size_m=row.size_m
    )


def _updated(known: KnownObject, row: PlacedTrack) -> KnownObject:
    before, now = place_of(known), place_of(row)
    place = before if now is None else now if before is None else _fused(before, now)
    is_good = place is not None and _spread_m(place) <= _PLACED_M
    return replace(
        known,
        text=known.text if known.text is not None else row.track.text,
        place=place if is_good else None,
        rough_place=None if is_good else place,
        size_m=row.size_m if known.place is None else known.size_m,
        times_seen=known.times_seen + 1,
        times_passed=known.times_passed + 1,
        misses=0,
        gone=False,
        is_proven=True,
    )


def _fused(one: PlaceOnEarth, other: PlaceOnEarth) -> PlaceOnEarth:
    """Return the place by both, each as far as it is sure."""
    plane = Plane(one.latitude_deg, one.longitude_deg)
    off_m = plane.to_metres(np.array(other.latitude_deg), np.array(other.longitude_deg))
    certain = [np.linalg.inv(as_matrix(place.covariance_m2)) for place in (one, other)]
    covariance_m2 = np.linalg.inv(certain[0] + certain[1])
    latitude_deg, longitude_deg = plane.to_degrees(covariance_m2 @ certain[1] @ off_m)
    values, axes = np.linalg.eigh(covariance_m2)
    covariance_m2 = (axes * np.maximum(values, _LEAST_ERROR_M**2)) @ axes.T
    surer = one if one.side_error_m <= other.side_error_m else other
    return replace(
        surer,
        latitude_deg=latitude_deg,
        longitude_deg=longitude_deg,
        covariance_m2=(float(covariance_m2[0, 0]), float(covariance_m2[0, 1]), float(covariance_m2[1, 1])),
    )


def _spread_m(place: PlaceOnEarth) -> float:
    return float(np.sqrt(np.linalg.eigvalsh(as_matrix(place.covariance_m2))[-1]))
