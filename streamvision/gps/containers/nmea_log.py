"""Logs of sentences in a box: BlackVue (``free/gps ``), Datakam (``udat``), and DENVER's lines in brackets.

BlackVue puts the camera's own clock before each sentence, in milliseconds since 1970 as if its zone were UTC, and says
in ``sttm`` when the video began by that clock. Source: what ``exiftool -ee`` (https://exiftool.org) reports of them.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator
from typing import BinaryIO

from streamvision.core.position import Fix
from streamvision.gps.boxes import Box, children, find_boxes, read_box, walk_boxes
from streamvision.gps.containers.format import Readings
from streamvision.gps.nmea import Timed, every_sentence, fixes_in, intact_ones, joined
from streamvision.gps.values import KMH_M_S, made_fix, utc_unix_s

MAX_LOG_BYTES = 16 << 20
"""Most bytes of a log that are read. A day of two sentences a second has 14 MB."""
_CLOCKED = re.compile(r"\[(\d{1,16})\]([^\[]*)", re.ASCII)
_DENVER = re.compile(
    r"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)\[1\]\[([NS])\]\[(\d\d)(\d{6})\]\[([EW])\]\[(\d{3})(\d{6})\]"
    r"\[([-+]?\d{0,9})\]\[(\d{0,9})\]\[(\d{0,9})\]",
    re.ASCII,
)


def read(file: BinaryIO) -> Readings | None:
    """Return the fixes of a log; ``None`` where the file has none."""
    for log, begin in _logs(file):
        text = read_box(file, log, limit=MAX_LOG_BYTES).decode("latin-1")
        begin_s = None if begin is None else int.from_bytes(read_box(file, begin, limit=8), "big") / 1000
        readings = read_log(text, begin_s)
        if readings is not None:
            return readings
    return None


def read_log(text: str, begin_s: float | None = None) -> Readings | None:
    """Return the fixes of the text of a log; ``None`` where it has none.

    Args:
        text: the log.
        begin_s: when the video began, by the camera's clock; ``None``: with the log.
    """
    return _clocked(text, begin_s) or _plain(text)


def _logs(file: BinaryIO) -> Iterator[tuple[Box, Box | None]]:
    """Yield the boxes that may hold a log, each with the one that says when the video began."""
    for box in walk_boxes(file):
        if box.kind == b"udat":
            yield box, None
        elif box.kind in (b"free", b"skip"):
            yield from _logs_in(file, box)
    for box in find_boxes(file, b"moov", b"udta"):
        yield from _logs_in(file, box)


def _logs_in(file: BinaryIO, box: Box) -> Iterator[tuple[Box, Box | None]]:
    parts = {part.kind: part for part in children(file, box)}
    if b"gps " in parts:
        yield parts[b"gps "], parts.get(b"sttm")


def _clocked(text: str, begin_s: float | None) -> Readings | None:
    """Return the fixes of sentences that each have the camera's clock before them."""
    stamped = [(int(stamp) / 1000, said) for stamp, said in _CLOCKED.findall(text)]
    said_at: list[Timed] = [(sentence, camera_s) for camera_s, said in stamped for sentence in every_sentence(said)]
    sentences = [(sentence, camera_s) for sentence, camera_s in intact_ones(said_at) if camera_s is not None]
    if not sentences:
        return None
    begin_s = begin_s or stamped[0][0]
    lead_s = [
        camera_s - (sentence.midnight_unix_s + sentence.time_of_day_s)
        for sentence, camera_s in sentences
        if sentence.valid and sentence.midnight_unix_s is not None
    ]
    return Readings(
        fixes=tuple(joined((sentence, camera_s - begin_s) for sentence, camera_s in sentences)),
        camera_minus_utc_s=statistics.median(lead_s) if lead_s else None,
    )


def _plain(text: str) -> Readings | None:
    fixes = fixes_in(text) or [fix for fix in map(_denver, _DENVER.finditer(text)) if fix is not None]
    return Readings(tuple(fixes)) if fixes else None


def _denver(line: re.Match[str]) -> Fix | None:
    year, month, day, hour, minute, second = (int(part) for part in line.groups()[:6])
    north, latitude, minutes_north, east, longitude, minutes_east, decimetres, kmh, course = line.groups()[6:]
    return made_fix(
        (int(latitude) + int(minutes_north) / 600_000) * (-1 if north == "S" else 1),
        (int(longitude) + int(minutes_east) / 600_000) * (-1 if east == "W" else 1),
        unix_s=utc_unix_s(year, month, day, hour, minute, second),
        altitude_m=int(decimetres) / 10 if decimetres.strip("+-") else None,
        speed_m_s=int(kmh) * KMH_M_S if kmh else None,
        course_deg=int(course) if course else None,
    )
