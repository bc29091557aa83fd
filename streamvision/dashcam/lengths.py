"""How long clips play whose headers do not say: those that lost their index when the ignition went off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timezone
from itertools import pairwise
from pathlib import Path
from statistics import median

from streamvision.dashcam.clip import Clip

DEFAULT_CLIP_S = 60.0
"""What most cameras cut, where no clip of the card tells."""
LONGEST_OF_TYPICAL = 1.05
"""A clip is no longer than this times the others of its kind."""
SAME_LENGTH = 0.15
"""An estimate by size this near to the next clip's beginning means that the next one follows on."""


def lengths_of(clips: Sequence[Clip]) -> dict[Path, float]:
    """Return how long each clip plays, in seconds: by its header, or as its size, its kind and the next clip allow."""
    known = {clip.path: clip.duration_s for clip in clips if clip.duration_s is not None}
    followers = _followers(clips)
    return {clip.path: known.get(clip.path) or _estimate(clip, clips, followers) for clip in clips}


def _estimate(clip: Clip, clips: Sequence[Clip], followers: Mapping[Path, float]) -> float:
    alike = [one for one in clips if one.duration_s is not None and one.size_bytes and _kind(one) == _kind(clip)]
    longest_s = LONGEST_OF_TYPICAL * (median(one.duration_s or 0.0 for one in alike) if alike else DEFAULT_CLIP_S)
    by_size_s = longest_s
    if alike:
        by_size_s = min(clip.size_bytes * median((one.duration_s or 0.0) / one.size_bytes for one in alike), longest_s)
    by_next_s = followers.get(clip.path, longest_s)
    if by_next_s <= longest_s and abs(by_size_s - by_next_s) <= SAME_LENGTH * by_next_s:
        return by_next_s
    return max(min(by_size_s, by_next_s), 0.1)


def _followers(clips: Sequence[Clip]) -> dict[Path, float]:
    """Return how long after each clip the next one of its lens begins, by the names."""
    named = sorted((clip for clip in clips if clip.name and clip.name.stamp), key=_start_s)
    return {
        clip.path: _start_s(after) - _start_s(clip)
        for lens in {clip.view for clip in named}
        for clip, after in pairwise(clip for clip in named if clip.view == lens)
        if _start_s(after) > _start_s(clip)
    }


def _start_s(clip: Clip) -> float:
    assert clip.name is not None and clip.name.stamp is not None
    return clip.name.stamp.replace(tzinfo=timezone.utc).timestamp()


def _kind(clip: Clip) -> tuple[object, ...]:
    return clip.name.maker if clip.name else None, clip.view, clip.mode
