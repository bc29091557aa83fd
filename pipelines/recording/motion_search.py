"""When something changed in a region: by the key frames alone, so that an hour takes seconds and not minutes.

Each key frame is made small and grey and compared with the one before. What all of the picture changes by (clouds, the
camera's exposure) is taken out; what remains above the noise of compression counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.recording.key_frames import FileDecoder, key_packets
from pipelines.recording.recorded_file import RecordedFile, opened
from streamvision.core.errors import ConfigError
from streamvision.core.picture import U8
from streamvision.core.recordings import Motion, RecordedSpan

MAX_SPAN_S = 4 * 3600.0
"""Longest span; at one key frame a second that is about a minute of one core at 1080p."""
MAX_POINTS = 64
_SIZE_PX = 320, 180
_STEP_S = 1.0
_JITTER_S = 0.1
_THRESHOLD = 24
"""Steps of brightness, of 255, that noise and compression seldom exceed."""

Point = tuple[float, float]


def checked_polygon(polygon: Sequence[Point]) -> U8:
    """Return the mask of a region on small pictures, 1 within it.

    Raises:
        ConfigError: when it is no region.
    """
    usable = 3 <= len(polygon) <= MAX_POINTS and all(
        math.isfinite(edge) and 0 <= edge <= 1 for point in polygon for edge in point
    )
    if not usable:
        raise ConfigError(
            f"a region needs 3 to {MAX_POINTS} points in fractions of the picture, 0 to 1; {len(polygon)} were given, "
            "or some lie outside"
        )
    corners = np.rint(np.array(polygon, np.float64) * (np.array(_SIZE_PX) - 1)).astype(np.int32)
    mask = np.zeros(_SIZE_PX[::-1], np.uint8)
    cv2.fillPoly(mask, [corners], 1.0)
    return mask


def checked_span(span: RecordedSpan) -> None:
    """Check that a span is not too long to be searched at once.

    Raises:
        ConfigError: when it is.
    """
    hours = (span.until_unix_s - span.since_unix_s) / 3600
    if not hours * 3600 <= MAX_SPAN_S:
        raise ConfigError(f"{hours:.1f} h were given to be searched; give at most {MAX_SPAN_S / 3600:g} h at a time")


def moments(files: Sequence[RecordedFile], span: RecordedSpan, mask: U8) -> Iterator[Motion]:
    """Yield how much of a region changed from one key frame to the next."""
    before: U8 | None = None
    for file in files:
        start_s = file.recording.start_unix_s
        for time_s, picture in _small_pictures(file, span.since_unix_s - start_s, span.until_unix_s - start_s):
            if before is not None:
                yield Motion(start_s + time_s, _changed_share(before, picture, mask))
            before = picture


def _small_pictures(file: RecordedFile, since_s: float, until_s: float) -> Iterator[tuple[float, U8]]:
    with opened(file) as source:
        if source is None:
            return
        decoder = FileDecoder(source)
        for found in key_packets(source, since_s, until_s, step_s=_STEP_S - _JITTER_S):
            frame = decoder.key_frame(found.packet)
            if frame is not None:
                grey = cv2.resize(decoder.picture(frame).y, _SIZE_PX, interpolation=cv2.INTER_AREA)
                yield found.pts_s, np.asarray(cv2.blur(grey, (3, 3)), np.uint8)


def _changed_share(before: U8, after: U8, mask: U8) -> float:
    change: NDArray[np.int16] = after.astype(np.int16) - before
    return float(np.mean(np.abs(change - np.median(change))[mask > 0] > _THRESHOLD))
