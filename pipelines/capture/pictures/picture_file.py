"""The pictures of one picture file: one, or several where it is animated (WebP, PNG)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.capture.pictures.picture_header import PictureHeader, read_header
from streamvision.core.exif import TURNS, orientation_in
from streamvision.core.upright import read_upright

MAX_PICTURE_PX = 200_000_000
"""The largest sensors of phones have as many; more would take gigabytes for one picture."""
ANIMATION_BYTES = 256 * 1024 * 1024
"""Most bytes of an animation that are decoded at a time."""
SHORTEST_S = 0.011
"""Times below this mean 0.1 s, as in browsers."""


class UnreadablePictureError(Exception):
    """What is wrong with a picture file, in words that follow its name."""


def read_pictures(path: Path) -> Iterator[tuple[NDArray[np.uint8], float | None]]:
    """Yield each picture as (H, W, 3) uint8 BGR, and how long it is shown in seconds; ``None`` for a still one.

    Raises:
        UnreadablePictureError: when it is no picture, damaged, or larger than memory should hold.
    """
    header = read_header(path)
    if header is not None and header.width_px * header.height_px > MAX_PICTURE_PX:
        raise UnreadablePictureError(
            f"has {header.width_px}x{header.height_px} pixels; at most {MAX_PICTURE_PX // 1_000_000} million are read"
        )
    try:
        if header is not None and header.animated:
            yield from _animation(path, header)
        else:
            yield _still(path), None
    except (cv2.error, MemoryError) as error:  # OpenCV refuses sizes of its own accord, too
        raise UnreadablePictureError(f"cannot be decoded: {getattr(error, 'err', '') or 'memory is full'}") from None


def _still(path: Path) -> NDArray[np.uint8]:
    try:
        image = read_upright(path)
    except OSError as error:
        raise UnreadablePictureError(f"cannot be read ({error.strerror})") from None
    if image is None:
        raise UnreadablePictureError("is not a readable image")
    return image


def _animation(path: Path, header: PictureHeader) -> Iterator[tuple[NDArray[np.uint8], float]]:
    with path.open("rb") as file:
        turn = TURNS[orientation_in(file)]
    total = cv2.imcount(str(path))
    some = max(ANIMATION_BYTES // max(4 * header.width_px * header.height_px, 1), 1)
    read = 0
    while read < total:
        _, animation = cv2.imreadanimation(str(path), read, min(some, total - read))
        for image, duration_ms in zip(animation.frames, animation.durations, strict=False):
            duration_s = int(duration_ms) / 1000
            yield turn.applied(_bgr(image)), duration_s if duration_s >= SHORTEST_S else 0.1
        if not animation.frames:
            break
        read += len(animation.frames)
    if not read:
        raise UnreadablePictureError("is not a readable animation")


def _bgr(image: Any) -> NDArray[np.uint8]:
    if image.dtype != np.uint8:
        image = (image >> 8).astype(np.uint8)
    code = {1: cv2.COLOR_GRAY2BGR, 4: cv2.COLOR_BGRA2BGR}.get(1 if image.ndim == 2 else image.shape[2])
    return image if code is None else cv2.cvtColor(image, code)  # type: ignore[no-any-return]
