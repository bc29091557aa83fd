"""Puts together what several drives saw of one object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from streamvision.geolocation.absence import absent
from streamvision.geolocation.merging import merge
from streamvision.geolocation.records import KnownObject
from streamvision.trip.drive_result import DriveResult
from streamvision.trip.objects import ObjectViews, unplaced


def objects_of(results: Sequence[DriveResult]) -> list[ObjectViews]:
    """Return the objects of drives, given in the order of time, in the order in which they were seen first."""
    known: tuple[KnownObject, ...] = ()
    placed_views: dict[int, ObjectViews] = {}
    others: list[ObjectViews] = []
    for result in results:
        placement = result.placement
        if placement is None or result.way is None:
            others += unplaced(result)
            continue
        merged = merge(known, placement)
        known = absent(
            merged.objects,
            seen={*merged.object_ids, *merged.candidate_ids},
            way=result.way,
            camera=placement.camera,
            looked_unix_s=result.looked_unix_s,
        )
        ids, rows = (*merged.object_ids, *merged.candidate_ids), (*placement.placed, *placement.candidates)
        for number, placed in zip(ids, rows, strict=True):
            views = placed_views.setdefault(number, ObjectViews(None, placed.track.class_name, placed.track.text))
            views.seen.append((result, placed))
    proven = [replace(placed_views[one.id], known=one) for one in known if one.is_proven]
    return sorted([*proven, *others], key=lambda views: float(views.tracks[0].time_unix_s[0]))
