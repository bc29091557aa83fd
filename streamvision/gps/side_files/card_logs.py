"""Logs that all videos of a card have in common, looked for once in some seconds: a card holds thousands of videos."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

MAX_LOGS = 20_000
LOOK_AGAIN_S = 5.0
"""So old may be what is known of a folder."""


class CardLog(NamedTuple):
    """A log as it lay on the card."""

    path: Path
    """Where it is."""
    size_bytes: int
    """How long it is."""
    changed_ns: int
    """When it was last written, by the file system."""


@dataclass(frozen=True)
class CardLogs:
    """The logs in a folder; those of one folder differ when one was written."""

    folder: Path
    """Where they are."""
    count: int
    """How many there are."""
    size_bytes: int
    """How long they are together."""
    changed_ns: int
    """When the newest was last written."""
    logs: tuple[CardLog, ...] = field(compare=False)
    """In the order of their paths, at most :data:`MAX_LOGS`."""


def logs_in(folder: Path, *patterns: str) -> CardLogs:
    """Return the logs in a folder.

    Args:
        folder: where they are looked for.
        patterns: of their names, as :meth:`pathlib.Path.glob` has them.
    """
    return _looked_for(folder, patterns, int(time.monotonic() / LOOK_AGAIN_S))


@lru_cache(maxsize=8)
def _looked_for(folder: Path, patterns: tuple[str, ...], _moment: int) -> CardLogs:
    found = islice((file for pattern in patterns for file in folder.glob(pattern)), MAX_LOGS)
    logs = tuple(log for file in sorted(found) if (log := _log(file)) is not None)
    changed_ns = max((log.changed_ns for log in logs), default=0)
    return CardLogs(folder, len(logs), sum(log.size_bytes for log in logs), changed_ns, logs)


def _log(file: Path) -> CardLog | None:
    try:
        about = file.stat()
    except OSError:  # gone since it was listed
        return None
    return CardLog(file, about.st_size, about.st_mtime_ns)
