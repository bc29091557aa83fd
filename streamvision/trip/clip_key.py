"""What tells one clip from another, wherever it lies: names and counters come again, content does not."""

from __future__ import annotations

import hashlib
from pathlib import Path

_PROBE_BYTES = 64 << 10
_HEADER_BYTES = 4096
"""What comes first in a file is written again when it is closed."""
_BEGINNING_DIGITS = 16


def clip_key(path: Path) -> str:
    """Return a name made from a file's beginning, size, middle and end.

    Raises:
        OSError: when it cannot be read.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as stream:
        stream.seek(_HEADER_BYTES)
        beginning = stream.read(_PROBE_BYTES)
        for begin in (0, size // 2, max(size - _PROBE_BYTES, 0)):
            stream.seek(begin)
            digest.update(stream.read(_PROBE_BYTES))
    return hashlib.sha256(beginning).hexdigest()[:_BEGINNING_DIGITS] + digest.hexdigest()[:16]


def is_continued(before: str, now: str) -> bool:
    """Say whether a file of the key ``now`` begins as the one of the key ``before``, which has lain in its place.

    It is then what was written further, and not another clip under a name that came again.
    """
    return before[:_BEGINNING_DIGITS] == now[:_BEGINNING_DIGITS]
