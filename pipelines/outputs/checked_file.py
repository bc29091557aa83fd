"""Files of fragments that FFmpeg writes: no error of the disk goes unnoticed, and the last whole fragment is found."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any


class CheckedFile(io.FileIO):
    """Writes all or raises, and remembers that: FFmpeg says nothing of what it could not write at the very end."""

    error_number: int | None = None

    def write(self, data: Any, /) -> int:
        """Write all of the data."""
        left = memoryview(data).cast("B")
        try:
            while left:
                left = left[super().write(left) or 0 :]
        except OSError as error:
            self.error_number = self.error_number or error.errno
            raise
        return len(memoryview(data))


def end_of_fragments(path: Path) -> int:
    """Return where the last whole fragment of an MP4 file ends, an ``mdat`` box; 0 where there is none."""
    found = 0
    with path.open("rb") as file:
        end, place = file.seek(0, os.SEEK_END), file.seek(0)
        while place < end:
            head = file.read(8)
            size = int.from_bytes(head[:4], "big")
            if size < 8 or place + size > end:
                break
            place = file.seek(place + size)
            if head[4:] == b"mdat":
                found = place
    return found
