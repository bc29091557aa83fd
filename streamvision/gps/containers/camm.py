"""CAMM, the motion of a camera for Street View: https://developers.google.com/streetview/publish/camm-spec.

Each sample holds records one after another. Type 5 is a place without a clock, type 6 a fix of a receiver.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import BinaryIO

from streamvision.core.position import Fix
from streamvision.gps.boxes import movie_header
from streamvision.gps.containers.format import Readings
from streamvision.gps.earth import course_of
from streamvision.gps.sample_tables import read_samples, read_tracks
from streamvision.gps.values import made_fix

RECORD_BYTES = (12, 12, 16, 16, 16, 28, 60, 16)
"""By type, how long a record is, its head of four bytes included."""
GPS_EPOCH_UNIX_S = 315_964_800
LEAP_S = 18
"""How far the clock of GPS is ahead of UTC, since 2017."""
PLACE, FIX = 5, 6
TWO_DIMENSIONS = 2
MAX_SAMPLES = 500_000


def read_camm(file: BinaryIO) -> Readings | None:
    """Return the positions of the first CAMM track that has some; ``None`` where none has."""
    created_unix_s = getattr(movie_header(file), "created_unix_s", None)
    for track in read_tracks(file):
        if track.format == b"camm":
            samples = read_samples(file, track.samples(file, most=MAX_SAMPLES))
            records = [record for sample, content in samples for record in _records(content, sample.media_s)]
            if fixes := _fixes(records, created_unix_s):
                return Readings(fixes=fixes)
    return None


Record = tuple[int, bytes, float]
"""Type, content and time in the video (s)."""


def _records(content: bytes, media_s: float) -> Iterator[Record]:
    at = 0
    while at + 4 <= len(content):
        kind = int.from_bytes(content[at + 2 : at + 4], "little")
        size = RECORD_BYTES[kind] if kind < len(RECORD_BYTES) else 0
        if not size or at + size > len(content):
            return
        if kind in (PLACE, FIX):
            yield kind, content[at + 4 : at + size], media_s
        at += size


def _fixes(records: list[Record], created_unix_s: float | None) -> tuple[Fix, ...]:
    """Return the fixes of a receiver where there are some, else the places."""
    kind = FIX if any(record[0] == FIX for record in records) else PLACE
    made = (
        _received(content, media_s, created_unix_s) if kind == FIX else _place(content, media_s)
        for found, content, media_s in records
        if found == kind
    )
    return tuple(fix for fix in made if fix is not None)


def _place(content: bytes, media_s: float) -> Fix | None:
    latitude_deg, longitude_deg, altitude_m = struct.unpack("<3d", content)
    return made_fix(latitude_deg, longitude_deg, altitude_m=altitude_m, media_s=media_s)


def _received(content: bytes, media_s: float, created_unix_s: float | None) -> Fix | None:
    clock_s, kind, latitude_deg, longitude_deg, altitude_m, error_m, _, east, north, _, _ = struct.unpack(
        "<di2d7f", content
    )
    if kind < TWO_DIMENSIONS:
        return None
    is_moving = math.isfinite(east + north)
    return made_fix(
        latitude_deg,
        longitude_deg,
        unix_s=_unix_s(clock_s, created_unix_s),
        altitude_m=altitude_m,
        speed_m_s=math.hypot(east, north) if is_moving else None,
        course_deg=course_of(east, north) if is_moving and (east or north) else None,
        error_m=error_m if error_m > 0 else None,
        media_s=media_s,
    )


def _unix_s(clock_s: float, created_unix_s: float | None) -> float:
    """Return UTC of a clock that counts from 1980, as it should, or from 1970, as some cameras do.

    The two are ten years apart; the nearer to when the movie was made is right.
    """
    by_gps_s = clock_s + GPS_EPOCH_UNIX_S - LEAP_S
    if created_unix_s is None:
        return by_gps_s
    return min(by_gps_s, clock_s, key=lambda unix_s: abs(unix_s - created_unix_s))
