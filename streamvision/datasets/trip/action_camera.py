"""Positions in a track of their own, as action cameras write them (GPMF: https://github.com/gopro/gpmf-parser)."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from datetime import datetime, timezone

from streamvision.datasets.trip.movie import Insert, Span, box, full_box, sample_tables
from streamvision.datasets.trip.receiver import Reading

_SCALES = (10_000_000, 10_000_000, 1000, 1000, 100)
_IDENTITY = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def positions_track(
    readings: Sequence[Reading], written_s: Callable[[Reading], float], duration_s: float, timescale: int
) -> tuple[list[Insert], Callable[[Sequence[Span]], bytes]]:
    """Return a payload for each second of a clip, and what makes the track from where the payloads came to lie."""
    seconds: list[list[Reading]] = [[] for _ in range(max(math.ceil(duration_s), 1))]
    for reading in readings:
        seconds[min(int(written_s(reading)), len(seconds) - 1)].append(reading)
    payloads = [_payload(rows) for rows in seconds]
    lasts = [min(1.0, duration_s - second) for second in range(len(seconds))]
    inserts = [Insert(float(second), payload) for second, payload in enumerate(payloads)]
    return inserts, lambda spans: _track(spans, [round(last * timescale) for last in lasts], timescale)


def _payload(rows: Sequence[Reading]) -> bytes:
    stream = _text("STNM", "GPS (Lat., Long., Alt., 2D speed, 3D speed)")
    if rows:
        time = datetime.fromtimestamp(rows[0].unix_s, timezone.utc)
        stream += _item("GPSF", "L", struct.pack(">I", 3 if all(row.has_fix for row in rows) else 0), size=4)
        stream += _item("GPSU", "U", f"{time:%y%m%d%H%M%S}.{time.microsecond // 1000:03d}".encode(), size=16)
        stream += _item("GPSP", "S", struct.pack(">H", 150), size=2)
        stream += _item("UNIT", "c", b"deg".ljust(4, b"\0") * 2 + b"m".ljust(4, b"\0") + b"m/s\0" * 2, size=4)
        stream += _item("SCAL", "l", struct.pack(">5i", *_SCALES), size=4)
        stream += _item("GPS5", "l", b"".join(map(_row, rows)), size=20)
    nested = _item("STRM", "\0", stream, size=1)
    return _item(
        "DEVC", "\0", _item("DVID", "L", struct.pack(">I", 1), size=4) + _text("DVNM", "Camera") + nested, size=1
    )


def _row(reading: Reading) -> bytes:
    said = (reading.latitude_deg, reading.longitude_deg, reading.altitude_m, reading.speed_m_s, reading.speed_m_s)
    return struct.pack(">5i", *(round(value * scale) for value, scale in zip(said, _SCALES, strict=True)))


def _text(key: str, text: str) -> bytes:
    return _item(key, "c", text.encode("ascii"), size=1)


def _item(key: str, kind: str, data: bytes, *, size: int) -> bytes:
    head = struct.pack(">4s1sBH", key.encode("ascii"), kind.encode("latin-1"), size, len(data) // size)
    return head + data + b"\0" * (-len(data) % 4)


def _track(spans: Sequence[Span], lasts: Sequence[int], timescale: int) -> bytes:
    duration = sum(lasts)
    header = struct.pack(">5I", 0, 0, 2, 0, duration) + b"\0" * 16 + _IDENTITY + b"\0" * 8
    sizes = struct.pack(f">II{len(spans)}I", 0, len(spans), *(span.size for span in spans))
    times = b"".join(struct.pack(">II", 1, last) for last in lasts)
    entry = box(b"gpmd", b"\0" * 6, struct.pack(">HI", 1, 0))
    table = box(
        b"stbl",
        full_box(b"stsd", struct.pack(">I", 1), entry),
        full_box(b"stts", struct.pack(">I", len(lasts)), times),
        full_box(b"stsz", sizes),
        sample_tables(spans),
    )
    here = full_box(b"dref", struct.pack(">I", 1), full_box(b"url ", flags=1))
    media = box(
        b"mdia",
        full_box(b"mdhd", struct.pack(">4IHH", 0, 0, timescale, duration, 0x55C4, 0)),
        full_box(b"hdlr", struct.pack(">4s4s12s", b"mhlr", b"meta", b""), b"\x0bGoPro MET  "),
        box(b"minf", box(b"gmhd", full_box(b"gmin", b"\0" * 12)), box(b"dinf", here), table),
    )
    return box(b"trak", full_box(b"tkhd", header, flags=1), media)
