"""The order that numbers in names say, over the place where a counter begins again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from streamvision.dashcam.clip import Clip
from streamvision.dashcam.timed_clip import TimedClip


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


def beside_neighbours(clips: Sequence[TimedClip]) -> list[TimedClip]:
    """Return clips with those beside the next ones that lost their index and have no time but that of their file.

    Args:
        clips: of one camera, in the order of their numbers or of time.
    """
    moved = list(clips)
    for lens in {clip.clip.view for clip in clips}:
        places = [at for at, clip in enumerate(clips) if clip.clip.view == lens]
        for order, at in enumerate(places):
            clip = moved[at]
            if clip.is_rough and clip.clip.duration_s is None:
                before = moved[places[order - 1]] if order else None
                after = moved[places[order + 1]] if order + 1 < len(places) else None
                moved[at] = _beside(clip, before, after)
    return moved


def _beside(clip: TimedClip, before: TimedClip | None, after: TimedClip | None) -> TimedClip:
    if before is not None and abs(clip.start_s - before.end_s) <= before.length_s:
        return clip.moved(before.end_s - clip.start_s)
    if after is not None and abs(after.start_s - clip.end_s) <= after.length_s:
        return clip.moved(after.start_s - after.length_s - clip.start_s)
    return clip


def _key(clip: Clip) -> tuple[datetime, int, int, str]:
    name = clip.name
    if name is None:
        return datetime.min, 0, 0, str(clip.path)
    return name.stamp or datetime.min, name.counter or 0, name.chapter, str(clip.path)
