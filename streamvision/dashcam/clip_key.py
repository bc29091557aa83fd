"""What tells one clip from another, wherever it lies: names, counters, sizes and times come again, content does not."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

_PROBE_BYTES = 64 << 10
_HEADER_BYTES = 4096
"""What comes first in a file is written again when it is closed."""
_BEGINNING_DIGITS = 16
_Status = tuple[int, int, int, int, int]


def clip_key(path: Path) -> str:
    """Return a name made from a file's beginning, size, middle and end: 256 KB at most are read.

    Raises:
        OSError: when it cannot be read.
    """
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        digest = hashlib.sha256(str(size).encode())
        beginning = _beginning(stream, size)
        for begin in (0, size // 2, max(size - _PROBE_BYTES, 0)):
            stream.seek(begin)
            digest.update(stream.read(_PROBE_BYTES))
    return beginning + digest.hexdigest()[:16]


def is_continued(before: str, size_bytes: int, path: Path) -> bool:
    """Say whether a file begins as what lay in its place before.

    It is then what was written further, and not another clip under a name that came again.

    Args:
        before: the key of what lay there.
        size_bytes: how long that was.
        path: what lies there now.
    """
    try:
        with path.open("rb") as stream:
            is_longer = os.fstat(stream.fileno()).st_size >= size_bytes
            return is_longer and _beginning(stream, size_bytes) == before[:_BEGINNING_DIGITS]
    except OSError:
        return False


class ClipKeys:
    """The keys of files that are scanned again and again; a file is read anew when anything of its status changes.

    One that was away at a scan is read anew, too: a card that is put back in may hold others of the same size and time.
    """

    def __init__(self) -> None:
        self._before: dict[Path, tuple[_Status, str]] = {}
        self._now: dict[Path, tuple[_Status, str]] = {}

    def begin_scan(self) -> None:
        """Forget files that were not asked for since the last call."""
        self._before, self._now = self._now, {}

    def of(self, path: Path, status: os.stat_result) -> str:
        """Return the key of a file.

        Args:
            path: the file.
            status: what the system says of it.

        Raises:
            OSError: when it cannot be read.
        """
        stamp = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
        known = self._before.get(path)
        key = known[1] if known is not None and known[0] == stamp else clip_key(path)
        self._now[path] = stamp, key
        return key


def _beginning(stream: BinaryIO, size_bytes: int) -> str:
    """Return the digits for what follows on the header in the first ``size_bytes`` of a file."""
    stream.seek(_HEADER_BYTES)
    content = stream.read(min(_PROBE_BYTES, max(size_bytes - _HEADER_BYTES, 0)))
    return hashlib.sha256(content).hexdigest()[:_BEGINNING_DIGITS]
