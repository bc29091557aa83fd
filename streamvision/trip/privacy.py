"""What nobody shall learn of a trip: where home is, and who stood at the road."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from streamvision.core.hidden_place import HiddenPlace
from streamvision.gps.track import GpsTrack
from streamvision.trip.drive_result import DriveResult
from streamvision.trip.objects import ObjectViews

Places = Sequence[HiddenPlace]


def are_near(places: Places, latitude_deg: float, longitude_deg: float) -> bool:
    """Say whether a position is near one of the places."""
    return any(place.hides(latitude_deg, longitude_deg) for place in places)


def is_hidden(views: ObjectViews, places: Places) -> bool:
    """Say whether an object stands near one of the places, or was seen from there at any time."""
    place = views.known.place if views.known is not None else None
    if place is not None and are_near(places, place.latitude_deg, place.longitude_deg):
        return True
    return any(
        _is_hidden_at(result.way, float(unix_s), places)
        for result, placed in views.seen
        if result.way is not None
        for track in (placed.parts or (placed.track,))
        for unix_s in track.time_unix_s
    )


def shown(result: DriveResult, places: Places) -> DriveResult:
    """Return a drive whose way leaves out what is near the places."""
    way = result.way
    if way is None or not places:
        return result
    fixes = [fix for fix in way.fixes if not are_near(places, fix.latitude_deg, fix.longitude_deg)]
    return replace(result, way=GpsTrack(fixes, way.source) if fixes else None)


def shown_line(line: bytes, places: Places) -> bytes:
    """Return a line of results without its position where that is near one of the places."""
    record = json.loads(line)
    position = record.get("position")
    if position is None or not are_near(places, position["latitude_deg"], position["longitude_deg"]):
        return line
    del record["position"]
    return json.dumps(record, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _is_hidden_at(way: GpsTrack, unix_s: float, places: Places) -> bool:
    """Say whether the car was near a place; where no fix tells, whether one of the fixes around says so."""
    position = way.at(unix_s)
    if position is not None:
        return are_near(places, position.latitude_deg, position.longitude_deg)
    after = bisect_left(way.fixes, unix_s, key=lambda fix: fix.unix_s or 0.0)
    around = way.fixes[max(after - 1, 0) : after + 1]
    return any(are_near(places, fix.latitude_deg, fix.longitude_deg) for fix in around)
