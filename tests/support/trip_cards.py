"""A small card of each maker: three clips of eight seconds of one drive, kept between runs."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import streamvision
from streamvision.datasets.trip import TripSpec, write_trip
from support.made_once import made_once

MAKERS = ("viofo", "blackvue", "mivue", "gopro")
SPEC = TripSpec(duration_s=24, clip_s=8, width_px=320, height_px=180, fps=10.0, zone_s=7200.0)
"""A camera that shows summer time of Central Europe."""


def trip_cards(kept: Path, spec: TripSpec = SPEC) -> dict[str, Path]:
    """Return the folder of each maker's card; never write there, copy what is to be changed.

    Args:
        kept: a folder that stays between runs.
        spec: the drive.
    """
    folder = kept / f"trip-{_version(spec)}"
    made_once(folder, lambda made: write_trip(made, spec, makers=MAKERS, workers=1))
    return {maker: folder / maker for maker in MAKERS}


def copied_card(card: Path, target: Path) -> Path:
    """Copy a card without the truth about it, times of files kept, and return the copy."""
    shutil.copytree(card, target, ignore=shutil.ignore_patterns("truth"), dirs_exist_ok=True)
    return target


def true_frames(card: Path, drive: int = 1) -> list[dict[str, Any]]:
    """Return each frame of a drive: ``frame, file, file_frame, time_unix_s, latitude_deg, longitude_deg, ...``."""
    with (card / "truth" / f"frames-{drive}.csv").open(encoding="utf-8", newline="") as file:
        return [{key: _plain(value) for key, value in row.items()} for row in csv.DictReader(file)]


def true_objects(card: Path) -> dict[int, dict[str, Any]]:
    """Return what was seen, by its number: class_name, text, right_m, frames and its place."""
    document = json.loads((card / "truth" / "signs.geojson").read_text(encoding="utf-8"))
    found = {}
    for feature in document["features"]:
        lon, lat = feature["geometry"]["coordinates"]
        found[feature["properties"]["id"]] = feature["properties"] | {"latitude_deg": lat, "longitude_deg": lon}
    return {int(number): one for number, one in found.items()}


def _plain(value: str) -> Any:
    try:
        return int(value) if value.lstrip("-").isdigit() else float(value)
    except ValueError:
        return value


def _version(spec: TripSpec) -> str:
    """Return what changes when the pictures or the files may."""
    root = Path(streamvision.__file__).parent
    digest = hashlib.sha256(repr(spec).encode())
    for path in sorted([*(root / "synthetic").rglob("*.py"), *(root / "datasets" / "trip").rglob("*.py")]):
        digest.update(os.fsencode(path.name) + path.read_bytes())
    return digest.hexdigest()[:16]
