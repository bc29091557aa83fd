"""GPMF, the telemetry of GoPro: https://github.com/gopro/gpmf-parser.

A sample about a second long is a tree of items: four letters, type, size and number of its values, and these, padded
to four bytes. ``GPS5`` has about 18 rows without a clock, which ``GPSU`` beside it says for the first of them; ``GPS9``
(from the Hero11 on) has a clock in each row.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from streamvision.core.position import Fix
from streamvision.gps.containers.format import Readings
from streamvision.gps.nmea import DAY_S, ERROR_PER_HDOP_M
from streamvision.gps.sample_tables import Sample, read_samples, read_tracks
from streamvision.gps.values import made_fix, utc_unix_s

MAX_SAMPLES = 100_000
MAX_ITEMS = 20_000
"""Most items of one sample."""
MAX_ROWS = 10_000
"""Most rows of one item."""
DEEPEST = 6
TWO_DIMENSIONS = 2
YEAR_2000_UNIX_S = 946_684_800
GPS9_SCALES = (1e7, 1e7, 1e3, 1e3, 1e2, 1, 1e3, 1e2, 1)
GPS5_SCALES = (1e7, 1e7, 1e3, 1e3, 1e2)
GPS9_BYTES = 32
_CLOCK = re.compile(rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d(?:\.\d{1,3})?)")
_NUMBERS = {"b": "b", "B": "B", "s": "h", "S": "H", "l": "i", "L": "I", "f": "f", "d": "d", "j": "q", "J": "Q"}
"""Letters of types, and those of :mod:`struct`."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item."""

    key: bytes
    """Its four letters."""
    kind: str
    """The letter of its type; NUL where it holds items."""
    size: int
    """Bytes of one value or row."""
    content: bytes
    """All of its values."""

    def numbers(self) -> list[float]:
        """Return its values; none where they are no numbers."""
        letter = _NUMBERS.get(self.kind)
        if letter is None:
            return []
        width = struct.calcsize(f">{letter}")
        count = min(len(self.content) // width, MAX_ROWS * 16)
        return list(struct.unpack_from(f">{count}{letter}", self.content))


def read_gpmf(file: BinaryIO) -> Readings | None:
    """Return the positions of the first GPMF track that has some; ``None`` where none has."""
    for track in read_tracks(file):
        if track.format == b"gpmd":
            samples = read_samples(file, track.samples(file, most=MAX_SAMPLES))
            fixes = tuple(fix for sample, content in samples for fix in fixes_of(content, sample))
            if fixes:
                return Readings(fixes=fixes)
    return None


def fixes_of(content: bytes, sample: Sample) -> list[Fix]:
    """Return the fixes of one sample: of rows with a clock where there are some, else of those without."""
    streams = list(_streams(content))
    for key, read in ((b"GPS9", _rows_with_clock), (b"GPS5", _rows)):
        fixes = [fix for stream in streams if key in stream for fix in read(stream, sample) if fix is not None]
        if fixes:
            return fixes
    return []


def _streams(content: bytes) -> Iterator[dict[bytes, Item]]:
    """Yield the items of each stream (``STRM``), by their letters."""
    waiting, left = [(content, 0)], MAX_ITEMS
    while waiting and left > 0:
        items_of, depth = waiting.pop()
        items = list(_items(items_of, left))
        left -= len(items) + 1
        if any(item.key in (b"GPS5", b"GPS9") for item in items):
            yield {item.key: item for item in items}
        if depth < DEEPEST:
            waiting += [(item.content, depth + 1) for item in reversed(items) if item.kind == "\0"]


def _items(content: bytes, most: int) -> Iterator[Item]:
    at = 0
    while at + 8 <= len(content) and most > 0:
        key, kind, size, count = struct.unpack_from(">4scBH", content, at)
        length = size * count
        if key == b"\0\0\0\0" or at + 8 + length > len(content):
            return
        yield Item(key, kind.decode("latin-1"), size, content[at + 8 : at + 8 + length])
        at += 8 + (length + 3) // 4 * 4
        most -= 1


def _rows(stream: dict[bytes, Item], sample: Sample) -> Iterator[Fix | None]:
    """Yield the fixes of ``GPS5``, spread evenly over the time of the sample."""
    kind, error = stream.get(b"GPSF"), stream.get(b"GPSP")
    if kind is not None and kind.numbers()[:1] and kind.numbers()[0] < TWO_DIMENSIONS:
        return
    begin_unix_s = _clock(stream.get(b"GPSU"))
    dilution = None if error is None else next(iter(error.numbers()), None)
    values = stream[b"GPS5"].numbers()
    count = min(len(values) // 5, MAX_ROWS)
    scales = _scales(stream, GPS5_SCALES)
    for row in range(count):
        later_s = sample.duration_s * row / count
        latitude, longitude, altitude, speed, _ = (
            value / scale for value, scale in zip(values[5 * row : 5 * row + 5], scales, strict=True)
        )
        yield made_fix(
            latitude,
            longitude,
            unix_s=None if begin_unix_s is None else begin_unix_s + later_s,
            altitude_m=altitude,
            speed_m_s=speed,
            error_m=_error_m(None if dilution is None else dilution / 100),
            media_s=sample.media_s + later_s,
        )


def _rows_with_clock(stream: dict[bytes, Item], sample: Sample) -> Iterator[Fix | None]:
    """Yield the fixes of ``GPS9``."""
    item = stream[b"GPS9"]
    if item.size != GPS9_BYTES:
        return
    count = min(len(item.content) // GPS9_BYTES, MAX_ROWS)
    scales = _scales(stream, GPS9_SCALES)
    for row in range(count):
        raw = struct.unpack_from(">7i2H", item.content, row * GPS9_BYTES)
        latitude, longitude, altitude, speed, _, days, seconds, dilution, kind = (
            value / scale for value, scale in zip(raw, scales, strict=True)
        )
        if kind < TWO_DIMENSIONS:
            continue
        yield made_fix(
            latitude,
            longitude,
            unix_s=YEAR_2000_UNIX_S + days * DAY_S + seconds,
            altitude_m=altitude,
            speed_m_s=speed,
            error_m=_error_m(dilution),
            media_s=sample.media_s + sample.duration_s * row / count,
        )


def _scales(stream: dict[bytes, Item], usual: tuple[float, ...]) -> list[float]:
    """Return what each value of a row is to be divided by: one number for all, or one for each."""
    told = stream[b"SCAL"].numbers() if b"SCAL" in stream else []
    scales = told * len(usual) if len(told) == 1 else told
    return [scale if scale else 1.0 for scale in scales] if len(scales) == len(usual) else list(usual)


def _clock(item: Item | None) -> float | None:
    """Return seconds since 1970 of ``yymmddhhmmss.sss``."""
    found = _CLOCK.match(item.content) if item is not None else None
    if found is None:
        return None
    year, month, day, hour, minute = (int(part) for part in found.groups()[:5])
    return utc_unix_s(year, month, day, hour, minute, float(found[6]))


def _error_m(dilution: float | None) -> float | None:
    return dilution * ERROR_PER_HDOP_M if dilution else None
