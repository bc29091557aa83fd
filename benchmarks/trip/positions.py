"""Positions in containers, against exiftool."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.trip.cards import TrueCard
from streamvision.gps.reading import read_gps

_DEGREES = 1e-9
_METRES_S = 1e-4


def measure_positions(card: TrueCard) -> dict[str, Any]:
    """Return how many rows of exiftool's are among ours, and the largest differences."""
    if shutil.which("exiftool") is None:
        return {"skipped": "no exiftool: apt-get install libimage-exiftool-perl"}
    rows = ours = equal = 0
    apart = [0.0, 0.0]
    for clip in card.clips:
        gps = read_gps(clip)
        fixes = {round(fix.unix_s or 0, 3): fix for fix in (gps.fixes if gps else ())}
        said = exiftool_rows(clip)
        rows, ours = rows + len(said), ours + len(fixes)
        for row in said:
            fix = fixes.get(round(row["unix_s"], 3))
            if fix is None:
                continue
            place = max(abs(fix.latitude_deg - row["latitude_deg"]), abs(fix.longitude_deg - row["longitude_deg"]))
            speed = abs((fix.speed_m_s or 0) - row["speed_m_s"])
            apart = [max(apart[0], place), max(apart[1], speed)]
            equal += place <= _DEGREES and speed <= _METRES_S
    return {
        "exiftool_rows": rows,
        "our_rows": ours,
        "equal_rows": equal,
        "most_apart_deg_m_s": np.round(apart, 10).tolist(),
    }


def exiftool_rows(clip: Path) -> list[dict[str, float]]:
    """Return what exiftool reads."""
    command = ["exiftool", "-ee", "-n", "-j", "-G3", "-api", "LargeFileSupport=1", str(clip)]
    said = subprocess.run(command, capture_output=True, timeout=120, check=True, env=os.environ | {"TZ": "UTC"}).stdout
    groups: dict[str, dict[str, Any]] = {}
    for tag, value in json.loads(said)[0].items():
        group, _, name = tag.partition(":")
        if group.startswith("Doc"):
            groups.setdefault(group, {})[name] = value
    return [_row(group) for group in groups.values() if "GPSLatitude" in group]


def _row(group: dict[str, Any]) -> dict[str, float]:
    text = str(group["GPSDateTime"]).rstrip("Z")
    form = "%Y:%m:%d %H:%M:%S.%f" if "." in text else "%Y:%m:%d %H:%M:%S"
    return {
        "unix_s": datetime.strptime(text, form).replace(tzinfo=timezone.utc).timestamp(),
        "latitude_deg": float(group["GPSLatitude"]),
        "longitude_deg": float(group["GPSLongitude"]),
        "speed_m_s": float(group["GPSSpeed"]) / 3.6,
    }
