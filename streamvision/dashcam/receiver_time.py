"""When the first frame of a clip was taken, by the satellites' clock that its positions carry."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

from streamvision.dashcam.clip import Clip
from streamvision.gps.clip_gps import ClipGps

MIN_FIXES = 2
"""A single one may be the last of the drive before, which many cameras repeat until they have a new one."""
SAME_CLOCK_S = 2.0
"""Positions this near to the median are taken at the time that they say."""
ROW_S = 1.0
"""Cameras write a position a second."""


class Span(NamedTuple):
    """The first frame was taken between these times, by the receiver's clock."""

    low_s: float
    """Not before it, in seconds since 1970."""
    high_s: float
    """Not after it; equal to ``low_s`` where the file says the positions' times in the video."""

    @property
    def middle_s(self) -> float:
        """The time between them."""
        return (self.low_s + self.high_s) / 2


def first_frame(clip: Clip, length_s: float) -> Span | None:
    """Return when the first frame was taken; ``None`` where too few positions agree on it.

    What the receiver repeats without a new fix is left out: its time does not go on.
    """
    if clip.gps is None:
        return None
    rows = list(_going_on((fix.unix_s, fix.media_s) for fix in clip.gps.fixes))
    placed = [unix_s - media_s for unix_s, media_s in rows if media_s is not None]
    if len(placed) >= max(MIN_FIXES, len(rows) / 2):
        middle = median(placed)
        near = [start_s for start_s in placed if abs(start_s - middle) <= SAME_CLOCK_S]
        if len(near) < max(MIN_FIXES, len(placed) / 2):
            return None
        return Span(median(near) - (ROW_S if _counts_from_its_first_row(clip.gps) else 0.0), median(near))
    is_longer = (
        clip.duration_s is None and clip.gps.source == "side_file"
    )  # a clip that was cut, and a log that was not
    return _by_ends([unix_s for unix_s, _ in rows], length_s, is_longer=is_longer)


def _counts_from_its_first_row(gps: ClipGps) -> bool:
    """Say whether the times in the video are those of a log by the camera's clock that does not say when that began."""
    return gps.camera_minus_utc_s is not None and gps.fixes[0].media_s == 0


def _by_ends(times: list[float], length_s: float, *, is_longer: bool) -> Span | None:
    if not times:
        return None
    middle = median(times)
    near = [unix_s for unix_s in times if abs(unix_s - middle) <= length_s + SAME_CLOCK_S]
    if len(near) < max(MIN_FIXES, len(times) / 2):
        return None
    low_s, high_s = near[-1] + ROW_S - length_s, near[0]
    if is_longer:
        return Span(high_s - ROW_S, high_s)
    if low_s > high_s + SAME_CLOCK_S:  # the first one is of the drive before
        return Span(low_s, low_s)
    return Span(min(low_s, high_s), high_s)


def _going_on(rows: Iterable[tuple[float | None, float | None]]) -> Iterable[tuple[float, float | None]]:
    """Leave out rows that repeat the one before or have no time."""
    last_s = None
    for unix_s, media_s in rows:
        if unix_s is not None and unix_s != last_s:
            last_s = unix_s
            yield unix_s, media_s
