"""The order that numbers in names say, over the place where a counter begins again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from streamvision.dashcam.clip import Clip


def in_number_order(clips: Sequence[Clip]) -> list[Clip]:
    """Return clips of one camera by the times in their names, or else by their numbers and chapters.

    A counter that has begun again is cut at its widest hole: what comes behind the hole is older.
    """
    ordered = sorted(clips, key=_key)
    numbers = sorted({clip.name.counter for clip in clips if clip.name and clip.name.counter is not None})
    if any(clip.name is None or clip.name.stamp is not None for clip in clips) or len(numbers) < 2:
        return ordered
    hole, first = max((after - before, after) for before, after in pairwise(numbers))
    round_trip = 10 ** len(str(numbers[-1])) - 1
    if hole <= numbers[0] + round_trip - numbers[-1]:
        return ordered
    return sorted(ordered, key=lambda clip: bool(clip.name and (clip.name.counter or 0) < first))


def _key(clip: Clip) -> tuple[datetime, int, int, str]:
    name = clip.name
    if name is None:
        return datetime.min, 0, 0, str(clip.path)
    return name.stamp or datetime.min, name.counter or 0, name.chapter, str(clip.path)
