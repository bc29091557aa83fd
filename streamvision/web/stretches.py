"""When there is something to be seen: recorded files that follow each other without a gap, as one.

A day of one camera is 1440 files; a page that shows a week of ten cameras needs a few stretches of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from streamvision.core.recordings import Recording, RecordingKind, Recordings

MAX_FILES = 20_000
"""Most files that one answer is made of; it takes tenths of a second."""


@dataclass
class _Stretch:
    stream: str
    kind: RecordingKind
    start_unix_s: float
    end_unix_s: float


def stretches_of(
    recordings: Recordings, streams: frozenset[str] | None, since_unix_s: float, until_unix_s: float, *, gap_s: float
) -> tuple[list[dict[str, Any]], float | None]:
    """Return the stretches as plain values, and where those begin that follow; ``None``: nothing follows.

    Args:
        recordings: what was recorded.
        streams: of these streams; ``None``: of all.
        since_unix_s: where it begins.
        until_unix_s: where it ends.
        gap_s: gaps up to this length are looked over.
    """
    files, following = _files(recordings, streams, since_unix_s, until_unix_s)
    return [asdict(one) for one in joined(files, gap_s)], following


def joined(files: Iterable[Recording], gap_s: float) -> Iterator[_Stretch]:
    """Yield the stretches of files, which come the oldest first."""
    open_: dict[tuple[str, str], _Stretch] = {}
    for file in files:
        key = (file.stream, file.kind)
        last = open_.get(key)
        if last is not None and file.start_unix_s - last.end_unix_s <= gap_s:
            last.end_unix_s = max(last.end_unix_s, file.end_unix_s)
            continue
        if last is not None:
            yield last
        open_[key] = _Stretch(file.stream, file.kind, file.start_unix_s, file.end_unix_s)
    yield from open_.values()


def _files(
    recordings: Recordings, streams: frozenset[str] | None, since_unix_s: float, until_unix_s: float
) -> tuple[list[Recording], float | None]:
    """Return the files, asked for part by part, and where more begin."""
    found: dict[int, Recording] = {}
    begin_s = since_unix_s
    while len(found) < MAX_FILES:
        part = recordings.find(streams, begin_s, until_unix_s)
        before = len(found)
        found.update((one.id, one) for one in part)
        if len(found) == before or part[-1].start_unix_s <= begin_s:
            return list(found.values()), None
        begin_s = part[-1].start_unix_s
    return list(found.values()), begin_s
