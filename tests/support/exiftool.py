"""The judge of positions in videos: exiftool, a program of Debian (package libimage-exiftool-perl)."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pytest

from streamvision.core.position import Fix

needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs exiftool, libimage-exiftool-perl")
_TIME = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d(?:\.\d+)?)")


@dataclass(frozen=True)
class Row:
    """One fix as exiftool tells it."""

    latitude_deg: float
    longitude_deg: float
    unix_s: float | None
    speed_kmh: float | None
    course_deg: float | None
    altitude_m: float | None
    media_s: float | None


def exiftool_rows(path: Path, *, embedded: int = 1) -> list[Row]:
    """Return the fixes that exiftool finds in a video, in its order; ``embedded`` is how hard it looks, 1 to 3."""
    ran = subprocess.run(
        [
            "exiftool",
            f"-ee{embedded if embedded > 1 else ''}",
            "-n",
            "-j",
            "-G3",
            "-api",
            "LargeFileSupport=1",
            str(path),
        ],
        capture_output=True,
        timeout=120,
        env={**os.environ, "TZ": "UTC"},
        check=False,
    )
    (tags,) = json.loads(ran.stdout)
    documents: dict[int, dict[str, object]] = {}
    for key, value in tags.items():
        group, _, tag = key.rpartition(":")
        if found := re.fullmatch(r"Doc(\d+)", group):
            documents.setdefault(int(found[1]), {})[tag] = value
    return [_row(told) for _, told in sorted(documents.items()) if "GPSLatitude" in told and "GPSLongitude" in told]


def same_rows(fixes: tuple[Fix, ...], rows: list[Row]) -> None:
    """Fail unless each fix says what exiftool says, value by value."""
    assert len(fixes) == len(rows)
    for fix, row in zip(fixes, rows, strict=True):
        assert fix.latitude_deg == pytest.approx(row.latitude_deg, abs=1e-8)
        assert fix.longitude_deg == pytest.approx(row.longitude_deg, abs=1e-8)
        assert fix.unix_s == (None if row.unix_s is None else pytest.approx(row.unix_s, abs=1e-3))
        kmh = None if fix.speed_m_s is None else fix.speed_m_s * 3.6
        assert kmh == (None if row.speed_kmh is None else pytest.approx(row.speed_kmh, rel=1e-5, abs=1e-6))
        assert fix.course_deg == (None if row.course_deg is None else pytest.approx(row.course_deg % 360, abs=1e-4))
        assert fix.altitude_m == (None if row.altitude_m is None else pytest.approx(row.altitude_m, abs=1e-3))


def _row(told: dict[str, object]) -> Row:
    time = _TIME.match(str(told.get("GPSDateTime", "")))
    kmh = _number(told, "GPSSpeed")
    if kmh is not None and told.get("GPSSpeedRef") == "M":
        kmh *= 1.609344
    return Row(
        latitude_deg=float(str(told["GPSLatitude"])),
        longitude_deg=float(str(told["GPSLongitude"])),
        unix_s=None if time is None else _unix_s(time),
        speed_kmh=kmh,
        course_deg=_number(told, "GPSTrack"),
        altitude_m=_number(told, "GPSAltitude"),
        media_s=_number(told, "SampleTime"),
    )


def _number(told: dict[str, object], tag: str) -> float | None:
    return float(str(told[tag])) if tag in told else None


def _unix_s(time: re.Match[str]) -> float:
    *whole, second = time.groups()
    return datetime(*(int(part) for part in whole), tzinfo=timezone.utc).timestamp() + float(second)
