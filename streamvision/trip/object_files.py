"""The objects as a table (CSV, RFC 4180) and as a map (GeoJSON, RFC 7946)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

from pipelines.outputs.table import csv_lines
from streamvision.core.spreadsheet import without_formula
from streamvision.trip.records import SeenObject

COLUMNS = (
    "id",
    "class_name",
    "text",
    "speed_limit_kmh",
    "state",
    "latitude_deg",
    "longitude_deg",
    "error_m",
    "bearing_deg",
    "first_time",
    "last_time",
    "frames",
    "best_score",
    "mean_score",
    "drives",
    "picture",
)


def objects_csv(objects: Iterable[SeenObject]) -> str:
    """Return a row an object, in the order of :data:`COLUMNS`; empty where something is not known."""
    rows = []
    for one in objects:
        cells = object_row(one)
        cells["drives"] = " ".join(one.drives)
        rows.append([without_formula(cells[column]) for column in COLUMNS])
    return csv_lines([COLUMNS, *rows])


def objects_geojson(objects: Iterable[SeenObject]) -> str:
    """Return a point for each object that has a place."""
    features = []
    for one in objects:
        if one.latitude_deg is not None and one.longitude_deg is not None:
            row = object_row(one)
            point = [row.pop("longitude_deg"), row.pop("latitude_deg")]
            features.append(
                {
                    "type": "Feature",
                    "id": one.id,
                    "geometry": {"type": "Point", "coordinates": point},
                    "properties": {name: value for name, value in row.items() if value is not None},
                }
            )
    return json.dumps({"type": "FeatureCollection", "features": features}, indent=1, allow_nan=False) + "\n"


def object_row(one: SeenObject) -> dict[str, Any]:
    """Return an object as plain values: degrees to seven places (a centimetre), times in ISO 8601, UTC."""
    return {
        "id": one.id,
        "class_name": one.class_name,
        "text": one.text,
        "speed_limit_kmh": one.speed_limit_kmh,
        "state": one.state,
        "latitude_deg": _rounded(one.latitude_deg, 7),
        "longitude_deg": _rounded(one.longitude_deg, 7),
        "error_m": _rounded(one.error_m, 2),
        "bearing_deg": _rounded(one.bearing_deg, 1),
        "first_time": utc(one.first_unix_s),
        "last_time": utc(one.last_unix_s),
        "frames": one.frames,
        "best_score": round(one.best_score, 4),
        "mean_score": round(one.mean_score, 4),
        "drives": list(one.drives),
        "picture": one.picture,
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def utc(unix_s: float) -> str:
    """Return a moment in ISO 8601, with milliseconds.

    >>> utc(1_750_000_000.5)
    '2025-06-15T15:06:40.500Z'
    """
    moment = datetime.fromtimestamp(round(unix_s, 3), timezone.utc).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='milliseconds')}Z"
