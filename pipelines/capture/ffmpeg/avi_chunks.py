"""How many pictures an AVI file really holds, empty ones among them, which FFmpeg passes over in silence.

The layout is that of Microsoft's "AVI RIFF File Reference" and of the OpenDML extensions: ``RIFF`` chunks whose
``movi`` list holds a chunk ``NNdc`` or ``NNdb`` for each picture, possibly in ``rec`` lists. A picture that repeats the
one before it is a chunk of no bytes.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

MAX_CHUNKS = 20_000_000
"""More than a week at 30 pictures a second; a file that makes the walk longer is no film."""

_LISTS = frozenset({(b"RIFF", b"AVI "), (b"RIFF", b"AVIX"), (b"LIST", b"movi"), (b"LIST", b"rec ")})


def count_pictures(path: Path, stream_index: int) -> int | None:
    """Return how many chunks of a video stream are whole; ``None`` where the file cannot be read.

    Args:
        path: the AVI file.
        stream_index: number of the stream in it, from 0.
    """
    names = {b"%02ddc" % stream_index, b"%02ddb" % stream_index}
    try:
        with path.open("rb") as file:
            return _count(file, path.stat().st_size, names)
    except OSError:
        return None


def _count(file: BinaryIO, size_bytes: int, names: set[bytes]) -> int:
    position = count = 0
    for _ in range(MAX_CHUNKS):
        file.seek(position)
        head = file.read(12)
        if len(head) < 8:
            break
        name, length = struct.unpack_from("<4sI", head)
        if name == bytes(4):  # what a power cut leaves behind the last data
            break
        if (name, head[8:]) in _LISTS:
            position += 12
            continue
        position += 8 + length + length % 2
        count += name in names and position - length % 2 <= size_bytes
    return count
