"""The log of all videos on a card of 70mai: ``GPSData000001.txt`` at its root, a line a second with its video's name.

A line: seconds since 1970, which are 8 hours behind; ``A`` or ``V``; latitude, longitude (degrees); course (1/100
degree); speed (cm/s); three accelerations; the video's name. Its clock:
https://dashcamtalk.com/forum/threads/unix-time-code-in-gps-txt-file-is-8-hours-out.51107/.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

from streamvision.core.position import Fix
from streamvision.core.reading import UnreadableError, lenient_text, read_bytes
from streamvision.gps.containers.format import Readings
from streamvision.gps.side_files.card_logs import CardLog, logs_in
from streamvision.gps.values import made_fix

BEHIND_S = 8 * 3600
MAX_LOG_BYTES = 64 << 20
"""Most bytes of a log that are read; three days take 2.5 MB."""
LEVELS_UP = 4
"""How many folders above a video its card's root may be."""
MAX_LOGS = 64
_LENS = re.compile(r"(?<=\d)[FBRIC]?\.\w{2,4}$", re.ASCII | re.IGNORECASE)
_NAME = re.compile(r"(?:NO|EV|VL|LA|PA)\d{8}-\d{6}", re.ASCII | re.IGNORECASE)


def read_card_log(video: Path) -> tuple[Path, Readings] | None:
    """Return the log of the card that a video lies on, and its positions in it; ``None`` where there are none."""
    if not _NAME.match(video.name):
        return None
    for folder in list(video.absolute().parents)[:LEVELS_UP]:
        for log in logs_in(folder, "GPSData*.txt").logs[:MAX_LOGS]:
            if fixes := _fixes_by_video(log).get(_take(video.name)):
                return log.path, Readings(fixes=fixes)
    return None


def _take(name: str) -> str:
    """Return what the videos of all lenses have in common."""
    return _LENS.sub("", name).upper()


@lru_cache(maxsize=8)
def _fixes_by_video(log: CardLog) -> dict[str, tuple[Fix, ...]]:
    try:
        lines = lenient_text(read_bytes(log.path, limit=MAX_LOG_BYTES), otherwise="latin-1").splitlines()
    except UnreadableError:
        return {}
    found: defaultdict[str, list[Fix]] = defaultdict(list)
    for line in lines if lines[:1] == ["$V02"] else []:
        fields = line.split(",")
        if len(fields) >= 10 and fields[1] == "A" and (fix := _fix(fields)) is not None:
            found[_take(fields[9])].append(fix)
    return {name: tuple(fixes) for name, fixes in found.items()}


def _fix(fields: list[str]) -> Fix | None:
    try:
        behind_s, latitude_deg, longitude_deg, course, speed = (float(fields[at]) for at in (0, 2, 3, 4, 5))
    except ValueError:
        return None
    return made_fix(
        latitude_deg, longitude_deg, unix_s=behind_s + BEHIND_S, speed_m_s=speed / 100, course_deg=course / 100
    )
