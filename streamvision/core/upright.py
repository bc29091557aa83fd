"""Photographs as viewers show them: turned as their EXIF orientation says."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.exif import TURNS, orientation_of

MAX_FILE_BYTES = 1 << 30
"""A larger file would fill the memory before anything is known of its picture."""
_TIFF = (b"II*\0", b"MM\0*")


def decode_upright(content: bytes | NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return a picture as (H, W, 3) BGR, its EXIF orientation applied; ``None`` where it is none or is damaged.

    Raises:
        cv2.error: when it has more pixels than OpenCV reads.
        MemoryError: when it does not fit into memory.
    """
    coded = np.frombuffer(content, np.uint8)
    if not coded.size:
        return None
    if coded[:4].tobytes() in _TIFF:
        stored: Any = cv2.imdecode(coded, cv2.IMREAD_COLOR)  # libtiff turns it while it decodes
        return stored  # type: ignore[no-any-return]
    stored = cv2.imdecode(coded, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return None if stored is None else TURNS[orientation_of(coded.data)].applied(stored)


def read_upright(path: Path) -> NDArray[np.uint8] | None:
    """Return the picture of a file likewise, by way of its bytes: ``cv2.imread`` reads no TIFF that lies on its side.

    Raises:
        OSError: when the file cannot be read, or is larger than :data:`MAX_FILE_BYTES`.
        cv2.error: as :func:`decode_upright`.
        MemoryError: as there.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    return decode_upright(np.fromfile(path, np.uint8))
