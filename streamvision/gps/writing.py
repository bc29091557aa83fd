"""Writes tracks as GPX 1.1 and as GeoJSON.

GPX: https://www.topografix.com/GPX/1/1/; speed and course, which it lost against 1.0, stand in Garmin's extension of a
track's points, version 2, as other programs write them. GeoJSON: RFC 7946; the times of a line's points are in
``coordTimes``, where the converters from GPX put them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from streamvision.core.files import write_whole
from streamvision.core.position import Fix
from streamvision.core.redaction import printable
from streamvision.gps.track import GpsTrack

DEGREE_DIGITS = 7
"""A centimetre."""
_GPX_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" creator="StreamVision" xmlns="http://www.topografix.com/GPX/1/1" \
xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v2">
"""


def write_gpx(path: Path, tracks: Mapping[str, GpsTrack]) -> None:
    """Write tracks, each by its name, as one GPX file, in one step.

    Raises:
        OutputError: when it cannot be written.
    """
    write_whole(path, gpx_of(tracks))


def write_geojson(path: Path, tracks: Mapping[str, GpsTrack]) -> None:
    """Write tracks, each by its name, as one GeoJSON file, in one step.

    Raises:
        OutputError: when it cannot be written.
    """
    write_whole(path, json.dumps(geojson_of(tracks), allow_nan=False, separators=(",", ":")))


def gpx_of(tracks: Mapping[str, GpsTrack]) -> str:
    """Return GPX 1.1 with a track for each of these, in segments where nothing was said for more than two minutes."""
    return "".join(
        [_GPX_HEAD, *(line for name, track in tracks.items() for line in _gpx_track(name, track)), "</gpx>\n"]
    )


def geojson_of(tracks: Mapping[str, GpsTrack]) -> dict[str, Any]:
    """Return a GeoJSON ``FeatureCollection`` with a line for each part of a track without a long hole.

    Lines are cut where they cross the 180th meridian. Properties: name, source, begin and end (UTC), and for each point
    ``coordTimes``, ``speed_m_s`` and ``course_deg`` (``null``: unknown).
    """
    features = [
        _feature(name, track, line)
        for name, track in tracks.items()
        for piece in track.pieces()
        for line in _lines(piece.fixes)
    ]
    return {"type": "FeatureCollection", "features": features}


def utc_text(unix_s: float) -> str:
    """Return a moment as ``2026-06-28T13:34:16.250Z``."""
    moment = datetime.fromtimestamp(round(unix_s, 3), timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _gpx_track(name: str, track: GpsTrack) -> Iterator[str]:
    yield f"<trk><name>{escape(printable(name))}</name>\n"
    for piece in track.pieces():
        yield "<trkseg>\n"
        yield from map(_gpx_point, piece.fixes)
        yield "</trkseg>\n"
    yield "</trk>\n"


def _gpx_point(fix: Fix) -> str:
    longitude_deg = -180.0 if fix.longitude_deg >= 180 else fix.longitude_deg
    told = (
        ("speed", None if fix.speed_m_s is None else f"{fix.speed_m_s:.2f}"),
        ("course", None if fix.course_deg is None else f"{round(fix.course_deg, 2) % 360:.2f}"),
    )
    inner = "".join(f"<gpxtpx:{name}>{value}</gpxtpx:{name}>" for name, value in told if value is not None)
    extension = f"<gpxtpx:TrackPointExtension>{inner}</gpxtpx:TrackPointExtension>"
    parts = (
        f'<trkpt lat="{fix.latitude_deg:.{DEGREE_DIGITS}f}" lon="{longitude_deg:.{DEGREE_DIGITS}f}">',
        "" if fix.altitude_m is None else f"<ele>{fix.altitude_m:.2f}</ele>",
        "" if fix.unix_s is None else f"<time>{utc_text(fix.unix_s)}</time>",
        f"<extensions>{extension}</extensions>" if inner else "",
        "</trkpt>\n",
    )
    return "".join(parts)


def _lines(fixes: tuple[Fix, ...]) -> list[list[Fix]]:
    """Return the points of a way as lines that do not cross the 180th meridian."""
    lines = [[*fixes[:1]]]
    for before, after in pairwise(fixes):
        if abs(after.longitude_deg - before.longitude_deg) > 180:
            ending, beginning = _at_meridian(before, after)
            lines[-1].append(ending)
            lines.append([beginning])
        lines[-1].append(after)
    return lines


def _at_meridian(before: Fix, after: Fix) -> tuple[Fix, Fix]:
    """Return where a step meets the 180th meridian, as seen from either hemisphere."""
    edge_deg = math.copysign(180.0, before.longitude_deg)
    to_edge, in_all = abs(edge_deg - before.longitude_deg), 360 - abs(after.longitude_deg - before.longitude_deg)
    part = to_edge / in_all if in_all > 0 else 0.0
    latitude_deg = before.latitude_deg + part * (after.latitude_deg - before.latitude_deg)
    before_s, after_s = before.unix_s or 0.0, after.unix_s or 0.0
    point = replace(before, latitude_deg=latitude_deg, unix_s=before_s + part * (after_s - before_s), altitude_m=None)
    return replace(point, longitude_deg=edge_deg), replace(point, longitude_deg=-edge_deg)


def _feature(name: str, track: GpsTrack, line: list[Fix]) -> dict[str, Any]:
    times = [utc_text(fix.unix_s) for fix in line if fix.unix_s is not None]
    coordinates = [_coordinates(fix) for fix in line]
    is_line = len(line) > 1
    return {
        "type": "Feature",
        "geometry": {
            "type": "LineString" if is_line else "Point",
            "coordinates": coordinates if is_line else coordinates[0],
        },
        "properties": {
            "name": name,
            "source": track.source,
            "begin": times[0],
            "end": times[-1],
            "coordTimes": times,
            "speed_m_s": [_rounded(fix.speed_m_s) for fix in line],
            "course_deg": [_rounded(fix.course_deg) for fix in line],
        },
    }


def _coordinates(fix: Fix) -> list[float]:
    place = [round(fix.longitude_deg, DEGREE_DIGITS), round(fix.latitude_deg, DEGREE_DIGITS)]
    return place if fix.altitude_m is None else [*place, round(fix.altitude_m, 2)]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
