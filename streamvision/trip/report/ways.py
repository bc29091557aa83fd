"""What the report draws of a drive's track: the way in few points, and what the drive was like moment by moment."""

from __future__ import annotations

from typing import Any

import numpy as np

from streamvision.trip.records import DriveSummary
from streamvision.trip.report.thinning import F64, plane_m, significance_m
from streamvision.trip.report.values import DEGREE_PARTS, whole_numbers

HOLE_S = 10.0
"""After a longer silence of the receiver the way is not known: it is drawn dashed."""
SMALLEST_M = 0.5
"""What is nearer to the line is left out."""
MOST_POINTS = 6_000
"""Of one drive's way."""
MOST_MOMENTS = 1_800
"""Of one drive: two seconds each in an hour, more than a plot has pixels."""


def usable(track: F64) -> F64:
    """Return the rows of a track that have a time and a place on earth, in the order of time."""
    rows: F64 = np.asarray(track, dtype=np.float64).reshape(-1, 6)
    good = np.isfinite(rows[:, :3]).all(axis=1) & (np.abs(rows[:, 1]) <= 90) & (np.abs(rows[:, 2]) <= 180)
    rows = rows[good]
    order = np.argsort(rows[:, 0], kind="stable")
    return np.asarray(rows[order])


def without_jumps(longitude_deg: F64, reference_deg: float) -> F64:
    """Return longitudes that go on over the antimeridian, the first near a reference."""
    first = longitude_deg[:1] + 360 * np.round((reference_deg - longitude_deg[:1]) / 360)
    unwrapped: F64 = np.unwrap(np.concatenate([first, longitude_deg[1:]]), period=360)
    return unwrapped


def way(rows: F64) -> list[dict[str, Any]]:
    """Return the pieces of a way between holes.

    Args:
        rows: (N, 6) of :func:`usable`, with longitudes that do not jump.

    Returns:
        For each piece ``at``: latitude, longitude, latitude ... in parts of a degree, each less the one before, and
        ``matters_dm``: how much each point matters in tenths of a metre, -1 at the ends.
    """
    pieces = [one for one in np.split(rows, np.flatnonzero(np.diff(rows[:, 0]) > HOLE_S) + 1) if len(one)]
    share = max(MOST_POINTS // max(len(pieces), 1), 2)
    return [_piece(one, share) for one in pieces[:MOST_POINTS]]


def _piece(rows: F64, most: int) -> dict[str, Any]:
    weight_m = significance_m(plane_m(rows[:, 1], rows[:, 2]), smallest_m=SMALLEST_M, most=most)
    kept = weight_m > 0
    parts = np.round(rows[kept, 1:3] * DEGREE_PARTS).astype(np.int64)
    steps = np.diff(parts, axis=0, prepend=np.zeros((1, 2), np.int64))
    matters = np.where(np.isinf(weight_m[kept]), -1, np.minimum(weight_m[kept] * 10, 1e9))
    return {"at": steps.ravel().tolist(), "matters_dm": matters.astype(np.int64).tolist()}


def moments(drive: DriveSummary, rows: F64) -> dict[str, Any]:
    """Return speed and place in even steps; ``None`` where a step has no fix.

    Args:
        drive: whose beginning and end count.
        rows: (N, 6) of :func:`usable`, with longitudes that do not jump.

    Returns:
        ``step_s``, and lists of the same length: ``latitude`` and ``longitude`` in parts of a degree, ``speed`` in
        tenths of km/h, ``course_deg``.
    """
    length_s = max(drive.end_unix_s - drive.start_unix_s, 1.0)
    step_s = max(length_s / MOST_MOMENTS, 0.2)
    wanted_s: F64 = np.arange(int(np.ceil(length_s / step_s)) + 1, dtype=np.float64) * step_s
    found = _at(wanted_s, rows[:, 0] - drive.start_unix_s, rows)
    return {
        "step_s": step_s,
        "latitude": whole_numbers(found[:, 1] * DEGREE_PARTS),
        "longitude": whole_numbers(found[:, 2] * DEGREE_PARTS),
        "speed": whole_numbers(found[:, 3] * 36),
        "course_deg": whole_numbers(found[:, 4] % 360),
    }


def _at(wanted_s: F64, time_s: F64, rows: F64) -> F64:
    """Return the row nearest to each moment, its place and speed interpolated; NaN where none is near."""
    if not len(rows):
        return np.full((len(wanted_s), 6), np.nan)
    after = np.clip(np.searchsorted(time_s, wanted_s), 0, len(time_s) - 1)
    before = np.maximum(after - 1, 0)
    near = np.where(np.abs(time_s[before] - wanted_s) < np.abs(time_s[after] - wanted_s), before, after)
    found = rows[near]
    for column in (1, 2, 3):
        known = np.isfinite(rows[:, column])
        if known.any():
            found[:, column] = np.interp(wanted_s, time_s[known], rows[known, column])
    found[np.abs(time_s[near] - wanted_s) > HOLE_S / 2] = np.nan
    return found
