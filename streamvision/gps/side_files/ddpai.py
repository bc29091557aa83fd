"""The logs of a card of DDPai: sentences in ``203gps/*.gpx``, which is no GPX, and archives of these.

A log begins with the camera's own clock (``$GPSCAMTIME 20240807123424``), and the sentences say UTC. Its name tells
when it was opened, not what is in it: a minute may lie in the log of another, so a video's fixes are chosen by time
(https://github.com/raoulsson/dashcam-exporter).
"""

from __future__ import annotations

import io
import re
import tarfile
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median

from streamvision.core.position import Fix
from streamvision.core.reading import UnreadableError, lenient_text, read_bytes
from streamvision.gps.boxes import read_movie_header
from streamvision.gps.containers.format import Readings
from streamvision.gps.nmea import fixes_in
from streamvision.gps.side_files.card_logs import MAX_LOGS, CardLog, CardLogs, logs_in
from streamvision.gps.values import utc_unix_s

FOLDER = "203gps"
LEVELS_UP = 4
"""How many folders above a video the folder of logs may be."""
MAX_LOG_BYTES, MAX_BYTES = 4 << 20, 512 << 20
USUAL_LENGTH_S = 60.0
AROUND_S = 1.0
"""How far before the beginning and behind the end of a video its fixes are taken."""
_VIDEO = re.compile(r"(?:[GSQ]_)?(\d{14})_", re.ASCII)
_STAMP = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)", re.ASCII)
_CLOCK = re.compile(r"\$GPSCAMTIME[ ,]+(\d{14})", re.ASCII)


@dataclass(frozen=True)
class Logs:
    """All fixes of a card."""

    fixes: list[Fix]
    """In the order of their times."""
    times_s: list[float]
    """The time of each."""
    camera_minus_utc_s: float
    """How far the camera's clock is ahead of UTC."""


def read_card_logs(video: Path) -> tuple[Path, Readings] | None:
    """Return the folder of logs beside a video, and its positions in them; ``None`` where there are none."""
    found = _VIDEO.match(video.name)
    begin_s = _local_s(found[1]) if found else None
    folder = next(
        (above / FOLDER for above in list(video.absolute().parents)[:LEVELS_UP] if (above / FOLDER).is_dir()), None
    )
    logs = None if folder is None or begin_s is None else _logs(logs_in(folder, "**/*.gpx", "**/*.git"))
    if folder is None or begin_s is None or logs is None:
        return None
    length_s = getattr(read_movie_header(video), "duration_s", None) or USUAL_LENGTH_S
    begin_unix_s = begin_s - logs.camera_minus_utc_s
    first = bisect_left(logs.times_s, begin_unix_s - AROUND_S)
    beyond = bisect_right(logs.times_s, begin_unix_s + length_s + AROUND_S)
    return folder, Readings(tuple(logs.fixes[first:beyond]), camera_minus_utc_s=logs.camera_minus_utc_s)


@lru_cache(maxsize=1)
def _logs(files: CardLogs) -> Logs | None:
    by_time: dict[float, Fix] = {}
    ahead_s = []
    for text in _texts(files.logs):
        fixes = fixes_in(text)
        by_time.update((fix.unix_s, fix) for fix in fixes if fix.unix_s is not None and fix.unix_s not in by_time)
        clock = _CLOCK.search(text)
        camera_s = _local_s(clock[1]) if clock else None
        if camera_s is not None and fixes and fixes[0].unix_s is not None:
            ahead_s.append(camera_s - fixes[0].unix_s)
    times_s = sorted(by_time)
    return Logs([by_time[time_s] for time_s in times_s], times_s, median(ahead_s)) if ahead_s else None


def _texts(files: Sequence[CardLog]) -> Iterator[str]:
    """Yield the text of each log, those in archives too, as long as they are not too much in all."""
    left = MAX_BYTES
    for file, _, _ in files:
        try:
            content = read_bytes(file, limit=min(MAX_LOG_BYTES * 16, left))
        except UnreadableError:
            continue
        for log in [content] if file.suffix == ".gpx" else _members(content):
            left -= len(log)
            yield lenient_text(log, otherwise="latin-1")


def _members(archive: bytes) -> Iterator[bytes]:
    """Yield the ordinary files of a tar archive, as far as it can be read."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as members:
            for member, _ in zip(members, range(MAX_LOGS), strict=False):
                content = members.extractfile(member) if member.isreg() and not member.issparse() else None
                if content is not None:
                    yield content.read(MAX_LOG_BYTES)
    except (tarfile.TarError, ValueError, OSError, EOFError):
        return


def _local_s(stamp: str) -> float | None:
    found = _STAMP.fullmatch(stamp)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups())
    return utc_unix_s(year, month, day, hour, minute, second)
