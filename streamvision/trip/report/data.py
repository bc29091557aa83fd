"""What the page of a trip is told, as plain values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from streamvision.trip.records import DriveSummary, SeenObject, TripSummary
from streamvision.trip.report.thinning import F64
from streamvision.trip.report.values import DEGREE_PARTS, file_url, finite, text
from streamvision.trip.report.ways import moments, usable, way, without_jumps

TWO_OF_THREE = 1.5
"""Standard deviations of a place on a plane within which two of three cases lie."""
LARGEST_ERROR_M = 100_000.0
"""What is less sure is drawn as unsure as this."""
MOST_CLIPS = 1_000
"""Names of clips of one drive."""
MOST_NOTES = 50
"""Notes on one drive."""


def page_data(summary: TripSummary) -> dict[str, Any]:
    """Return drives, classes and objects as the page reads them: finite numbers, texts of bounded length."""
    tracks = [usable(drive.track) for drive in summary.drives]
    reference_deg = next((float(rows[0, 2]) for rows in tracks if len(rows)), _first_longitude(summary))
    for rows in tracks:
        rows[:, 2] = without_jumps(rows[:, 2], reference_deg)
    numbers = {drive.id: number for number, drive in enumerate(summary.drives)}
    names = sorted({one.class_name for one in summary.objects})
    classes = {name: number for number, name in enumerate(names)}
    return {
        "title": text(summary.title),
        "drives": [_drive(drive, rows) for drive, rows in zip(summary.drives, tracks, strict=True)],
        "classes": [text(name) for name in names],
        "objects": [_object(one, classes, numbers, reference_deg) for one in summary.objects],
    }


def _first_longitude(summary: TripSummary) -> float:
    placed = (one.longitude_deg for one in summary.objects if one.longitude_deg is not None)
    return next((degrees for degrees in placed if math.isfinite(degrees)), 0.0)


def _drive(drive: DriveSummary, rows: F64) -> dict[str, Any]:
    speed_m_s = rows[:, 3][np.isfinite(rows[:, 3])]
    return {
        "id": text(drive.id),
        "start": finite(drive.start_unix_s) or 0.0,
        "end": max(finite(drive.end_unix_s) or 0.0, finite(drive.start_unix_s) or 0.0),
        "distance_m": finite(drive.distance_m, 0),
        "top_kmh": finite(float(speed_m_s.max()) * 3.6, 1) if len(speed_m_s) else None,
        "clips": [text(name) for name in drive.clips[:MOST_CLIPS]],
        "clip_count": len(drive.clips),
        "lost_s": finite(drive.lost_s, 1) or 0.0,
        "notes": [text(note) for note in drive.notes[:MOST_NOTES]],
        "video": file_url(drive.video),
        "way": way(rows) if len(rows) else [],
        "moments": moments(drive, rows),
    }


def _object(one: SeenObject, classes: dict[str, int], drives: dict[str, int], reference_deg: float) -> dict[str, Any]:
    views = [
        [drives[view.drive], finite(view.first_unix_s), finite(view.last_unix_s)]
        for view in one.views
        if view.drive in drives and math.isfinite(view.first_unix_s) and math.isfinite(view.last_unix_s)
    ]
    return {
        "id": one.id,
        "class": classes[one.class_name],
        "text": text(one.text),
        "first": finite(one.first_unix_s) or 0.0,
        "last": finite(one.last_unix_s) or 0.0,
        "frames": one.frames,
        "best": finite(one.best_score),
        "mean": finite(one.mean_score),
        "picture": file_url(one.picture),
        "drives": [drives[name] for name in one.drives if name in drives],
        "gone": one.state == "gone",
        "limit_kmh": finite(one.speed_limit_kmh, 0),
        "views": views,
        **_place(one, reference_deg),
    }


def _place(one: SeenObject, reference_deg: float) -> dict[str, Any]:
    """Return where an object stands, and the half axes of the ellipse in which it lies in two of three cases."""
    latitude_deg, longitude_deg = finite(one.latitude_deg, 9), finite(one.longitude_deg, 9)
    if latitude_deg is None or longitude_deg is None or abs(latitude_deg) > 90 or abs(longitude_deg) > 180:
        return {"at": None}
    near_deg = longitude_deg + 360 * round((reference_deg - longitude_deg) / 360)
    return {
        "at": [round(latitude_deg * DEGREE_PARTS), round(near_deg * DEGREE_PARTS)],
        "error_m": finite(one.error_m, 1),
        "bearing_deg": finite(one.bearing_deg, 0),
        "ellipse": _ellipse(one),
    }


def _ellipse(one: SeenObject) -> list[float] | None:
    """Return the long and the short half axis in metres, and where the long one points, clockwise from north."""
    if one.covariance_m2 is not None and all(map(math.isfinite, one.covariance_m2)):
        east, both, north = one.covariance_m2
        spread, axes = np.linalg.eigh(np.array([[east, both], [both, north]]))
        short_m, long_m = np.minimum(np.sqrt(np.maximum(spread, 0)) * TWO_OF_THREE, LARGEST_ERROR_M)
        direction_deg = math.degrees(math.atan2(axes[0, 1], axes[1, 1])) % 180
        return [round(float(long_m), 2), round(float(short_m), 2), round(direction_deg, 1)]
    error_m = finite(one.error_m, 2)
    return None if error_m is None or error_m <= 0 else [min(error_m, LARGEST_ERROR_M)] * 2 + [0.0]
