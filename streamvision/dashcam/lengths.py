"""How long clips play whose headers do not say: those that lost their index when the ignition went off."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timezone
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

from streamvision.dashcam.clip import Clip

DEFAULT_CLIP_S = 60.0
"""What most cameras cut, where no clip of the card tells."""
LONGEST_OF_TYPICAL = 1.05
"""A clip is no longer than this times the others of its kind."""
SAME_LENGTH = 0.15
"""An estimate by size this near to the next clip's beginning means that the next one follows on."""


class _Typical(NamedTuple):
    """What the clips of one kind have in common whose headers say how long they play."""

    clip_s: float
    """Their length."""
    byte_s: float
    """How long a byte plays."""


def lengths_of(clips: Sequence[Clip]) -> dict[Path, float]:
    """Return how long each clip plays, in seconds: by its header, or as its size, its kind and the next clip allow."""
    typical, followers = _typical(clips), _followers(clips)
    return {clip.path: clip.duration_s or _estimate(clip, typical.get(_kind(clip)), followers) for clip in clips}


def _typical(clips: Sequence[Clip]) -> dict[tuple[object, ...], _Typical]:
    alike: defaultdict[tuple[object, ...], list[tuple[float, int]]] = defaultdict(list)
    for clip in clips:
        if clip.duration_s is not None and clip.size_bytes:
            alike[_kind(clip)].append((clip.duration_s, clip.size_bytes))
    return {
        kind: _Typical(median(length_s for length_s, _ in known), median(length_s / size for length_s, size in known))
        for kind, known in alike.items()
    }


def _estimate(clip: Clip, typical: _Typical | None, followers: Mapping[Path, float]) -> float:
    longest_s = LONGEST_OF_TYPICAL * (typical.clip_s if typical else DEFAULT_CLIP_S)
    by_size_s = min(clip.size_bytes * typical.byte_s, longest_s) if typical else longest_s
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
