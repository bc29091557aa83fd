"""Files that this process holds open and nobody else in it may open: those of its database.

SQLite keeps others out by POSIX locks, and a process loses all of those that it has on a file as soon as it closes that
file through any descriptor.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

_BESIDE = ("", "-wal", "-shm", "-journal")
_lock = threading.Lock()
_kept: Counter[Path] = Counter()


def keep(database: Path) -> None:
    """Let nothing but SQLite open a database's files from now on."""
    with _lock:
        _kept[database.absolute()] += 1


def release(database: Path) -> None:
    """Take one :func:`keep` back."""
    with _lock:
        _kept[database.absolute()] -= 1
        if not _kept[database.absolute()]:
            del _kept[database.absolute()]


def first_kept(paths: Iterable[Path]) -> Path | None:
    """Return the first of some paths that leads to a kept file, under whatever name; none of them is opened."""
    with _lock:
        databases = list(_kept)
    if not databases:
        return None
    kept = {_number(Path(f"{database}{end}")) for database in databases for end in _BESIDE} - {None}
    return next((path for path in paths if _number(path) in kept), None)


def _number(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
