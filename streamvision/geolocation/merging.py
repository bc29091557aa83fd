"""Objects of a drive and those of the drives before it: which are the same, and where they are by all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import lap
import numpy as np
from numpy.typing import NDArray

from streamvision.geolocation.matching import MOST_APART, disagreement, place_of
from streamvision.geolocation.records import KnownObject, Merged, PlacedTrack, Placement, PlaceOnEarth
from streamvision.geolocation.way import Plane

F64 = NDArray[np.float64]
_LEAST_ERROR_M = 1.0
"""Better than this no number of drives makes a place: receivers err alike at one place, and so do boxes."""
_PLACED_M = 12.0
"""As for one drive: what may be farther off has no place."""


def merge(known: Sequence[KnownObject], placement: Placement) -> Merged:
    """Return all objects after one more drive; those that it saw for the first time get the next numbers.

    Each known object is at most one row of the drive, and the other way round (Jonker and Volgenant, 1987). Texts,
    classes, directions and sides of the road must agree, and places as far as both are known.

    Args:
        known: the objects of the drives before.
        placement: what the drive saw.
    """
    rows = placement.placed
    index_of = _assigned(disagreement(rows, known))
    objects = {found.id: found for found in known}
    next_id = max(objects, default=0) + 1
    object_ids = []
    for row, index in zip(rows, index_of, strict=True):
        if index is None:
            found, next_id = _new(row, next_id), next_id + 1
        else:
            found = _updated(known[index], row)
        objects[found.id] = found
        object_ids.append(found.id)
    return Merged(tuple(objects[number] for number in sorted(objects)), tuple(object_ids))


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
    )


def _fused(one: PlaceOnEarth, other: PlaceOnEarth) -> PlaceOnEarth:
    """Return the place by both, each as far as it is sure."""
    plane = Plane(one.latitude_deg, one.longitude_deg)
    off_m = plane.to_metres(np.array(other.latitude_deg), np.array(other.longitude_deg))
    certain = [np.linalg.inv(_matrix(place)) for place in (one, other)]
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


def _matrix(place: PlaceOnEarth) -> F64:
    east, both, north = place.covariance_m2
    return np.array([[east, both], [both, north]])


def _spread_m(place: PlaceOnEarth) -> float:
    return float(np.sqrt(np.linalg.eigvalsh(_matrix(place))[-1]))
