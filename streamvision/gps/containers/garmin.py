"""Garmin dashcams: rows in a ``uuid`` box, or packets ``PNDM`` in a track of subtitles.

Source: what ``exiftool -ee`` (https://exiftool.org) reports of them. Angles are in units of 180 / 2^31 degrees, speeds
in miles an hour, numbers big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from streamvision.core.position import Fix
from streamvision.gps.boxes import UNIX_MINUS_MP4_S, Box, children, find_box, read_box, walk_boxes
from streamvision.gps.containers.format import Readings
from streamvision.gps.sample_tables import Sample, Track, read_samples, read_tracks
from streamvision.gps.values import MPH_M_S, made_fix

UNIT_DEG = 180 / (1 << 31)
MAX_PACKETS = 100_000
"""Most packets that are read."""
UNKNOWN_PACKETS = 300
"""After so many texts of another kind in a row the track is one of subtitles."""
_UUID = bytes.fromhex("9b630f8d637440ec8204bc5ff5091728")
_FIRST_ROW = 33
_ROW = struct.Struct(">IH6xii")
_PACKET = struct.Struct(">8xH2xii")


def read(file: BinaryIO) -> Readings | None:
    """Return the fixes of a Garmin's video; ``None`` where it is none."""
    fixes = [fix for box in _uuids(file) for fix in _rows(read_box(file, box))]
    fixes = fixes or [fix for track in read_tracks(file) for fix in _packets(file, track)]
    return Readings(tuple(fixes)) if fixes else None


def _uuids(file: BinaryIO) -> Iterator[Box]:
    movie = find_box(file, b"moov")
    for box in [*walk_boxes(file), *(children(file, movie) if movie else ())]:
        if box.kind == b"uuid" and read_box(file, box, limit=16) == _UUID:
            yield box


def _rows(content: bytes) -> Iterator[Fix]:
    rows = content[_FIRST_ROW:]
    for mp4_s, mph, latitude, longitude in _ROW.iter_unpack(rows[: len(rows) // _ROW.size * _ROW.size]):
        fix = made_fix(
            latitude * UNIT_DEG, longitude * UNIT_DEG, unix_s=mp4_s - UNIX_MINUS_MP4_S, speed_m_s=mph * MPH_M_S
        )
        if fix is not None:
            yield fix


def _packets(file: BinaryIO, track: Track) -> Iterator[Fix]:
    if track.handler not in (b"text", b"sbtl"):
        return
    unknown = 0
    for sample, content in read_samples(file, track.each_sample(file, most=MAX_PACKETS), limit=64):
        start = next((start for start in (0, 2, 4) if content[start : start + 4] == b"PNDM"), None)  # behind its length
        unknown = 0 if start is not None else unknown + 1
        if unknown > UNKNOWN_PACKETS:
            return
        fix = None if start is None else _packet(sample, content[start:])
        if fix is not None:
            yield fix


def _packet(sample: Sample, content: bytes) -> Fix | None:
    if len(content) < _PACKET.size:
        return None
    mph, latitude, longitude = _PACKET.unpack_from(content)
    return made_fix(latitude * UNIT_DEG, longitude * UNIT_DEG, speed_m_s=mph * MPH_M_S, media_s=sample.media_s)
