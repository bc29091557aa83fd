"""What ``streamvision trip`` makes of a card that was driven twice, against the signs that stand there."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any, Protocol

import lap
import numpy as np

from benchmarks.trip.cards import TrueCard
from benchmarks.trip.program import run
from streamvision.datasets.trip.world import metres_per_degree

_MATCH_M = 25.0
"""A row that lies farther from each sign of its class is false."""
_LEAST_FRAMES = 5
"""What fewer frames of each drive show is neither to be found nor to be missed."""


class _OnEarth(Protocol):
    @property
    def latitude_deg(self) -> float: ...

    @property
    def longitude_deg(self) -> float: ...


def apart_m(one: _OnEarth, other: _OnEarth) -> float:
    """Return the distance of two places."""
    return _distance_m(one.latitude_deg, one.longitude_deg, other.latitude_deg, other.longitude_deg)


def _distance_m(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    to_north_m, to_east_m = metres_per_degree(lat)
    return math.hypot((lat - other_lat) * float(to_north_m), (lon - other_lon) * float(to_east_m))


def measure_objects(card: TrueCard, work: Path) -> dict[str, Any]:
    """Return how many signs are one row, how many rows are none, where they are, and what two drives made one of."""
    output = work / f"trip-{card.folder.name}"
    shutil.rmtree(output, ignore_errors=True)  # what is kept of an earlier call would be skipped
    arguments = ["trip", card.folder, "--output", output, "--no-video", "--json"]
    ran = run(arguments, work / f"trip-{card.folder.name}.log")
    return {"seconds": round(ran.seconds, 1), **figures(ran.document, card.signs)}


def figures(document: dict[str, Any], signs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what rows come to, against the signs that stand there; a row without a place finds none."""
    rows = [row for row in document["objects"] if row.get("latitude_deg") is not None]
    wanted = [sign for sign in signs if max(sign["frames"]) >= _LEAST_FRAMES]
    found = _matched(rows, signs)
    off_m = [found[sign["id"]][1] for sign in wanted if sign["id"] in found]
    again = [sign for sign in wanted if len(sign["frames"]) > 1 and min(sign["frames"]) >= _LEAST_FRAMES]
    twice = [sign["id"] for sign in again if sign["id"] in found]
    merged = sum(len(found[number][0]["drives"]) > 1 for number in twice)
    matched = {match["id"] for match, _ in found.values()}
    return {
        "drives": len(document["drives"]),
        "signs": len(wanted),
        "rows": len(document["objects"]),
        "rows_without_place": len(document["objects"]) - len(rows),
        "found_share": round(len(off_m) / max(len(wanted), 1), 4),
        "false_share": round((len(rows) - len(found)) / max(len(rows), 1), 4),
        "median_m": round(float(np.median(off_m)), 2) if off_m else None,
        "p90_m": round(float(np.quantile(off_m, 0.9)), 2) if off_m else None,
        "merged_share": round(merged / len(twice), 4) if twice else None,
        "missed": sorted(_about(sign) for sign in wanted if sign["id"] not in found),
        "false": [_false(row) for row in rows if row["id"] not in matched],
    }


def _about(sign: dict[str, Any]) -> str:
    return f"{sign['class_name']} {sign['id']}: {sign['frames']} frames, {sign['right_m']} m right"


def _false(row: dict[str, Any]) -> str:
    return f"{row['class_name']} {row['id']}: {row['frames']} frames, error {row['error_m']} m"


def _matched(rows: list[dict[str, Any]], signs: list[dict[str, Any]]) -> dict[int, tuple[dict[str, Any], float]]:
    """Return the row of each sign that has one, with its distance; each row belongs to one sign at most."""
    found = {}
    for name in {sign["class_name"] for sign in signs}:
        here = [row for row in rows if row["class_name"] == name]
        there = [sign for sign in signs if sign["class_name"] == name]
        if not here:
            continue
        cost = np.array([[_apart(row, sign) for sign in there] for row in here])
        _, column_of, _ = lap.lapjv(np.minimum(cost, 2 * _MATCH_M), extend_cost=True, cost_limit=_MATCH_M)
        for place, column in enumerate(column_of):
            if column >= 0 and cost[place, column] <= _MATCH_M:
                found[there[column]["id"]] = (here[place], float(cost[place, column]))
    return found


def _apart(row: dict[str, Any], sign: dict[str, Any]) -> float:
    return _distance_m(row["latitude_deg"], row["longitude_deg"], sign["latitude_deg"], sign["longitude_deg"])
