"""Each moment once: copies of what the loop shows are left out, and what two clips share is dropped once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streamvision.dashcam.clip import PlacedClip
from streamvision.dashcam.timed_clip import TimedClip

SHARED_S = 0.3
"""Shorter overlaps and gaps are noise of the clocks: frames are a thirtieth of a second apart."""
LEFT_OVER_S = 2.0
"""A protected copy that shows less than this beside the loop shows nothing new: clocks are no more exact."""
OTHER_CAMERA_S = 15.0
"""A lens cannot record two clips at once for longer than this; seams overlap by seconds."""
SAME_START_S = 2.0


@dataclass(frozen=True)
class Coverage:
    """The clips of one lens that show each moment once."""

    kept: tuple[TimedClip, ...]
    """In order."""
    copies: tuple[TimedClip, ...]
    """Left out: others show the same."""
    others: tuple[TimedClip, ...]
    """Those that another camera must have taken."""


def cover(clips: Sequence[TimedClip]) -> Coverage:
    """Return which clips of one lens show each moment once; those of the loop come before protected copies."""
    loop, copies, others = _loop([clip for clip in _ordered(clips) if not clip.is_extra])
    for clip in _ordered([clip for clip in clips if clip.is_extra]):
        if _uncovered_s(clip, loop) > min(LEFT_OVER_S, clip.length_s / 2):
            loop.append(clip)
        else:
            copies.append(clip)
    return Coverage(tuple(_ordered(loop)), tuple(copies), tuple(others))


def place(clips: Sequence[TimedClip]) -> list[PlacedClip]:
    """Return clips in order with what each shares with those before it, and what is missing between them."""
    placed: list[PlacedClip] = []
    before: TimedClip | None = None
    for clip in clips:
        seam_s = _seam_s(before, clip)
        drop_s, gap_s = (-seam_s if seam_s < 0 else 0.0), max(seam_s, 0.0)
        if drop_s and clip.length_s - drop_s < SHARED_S:
            continue
        back_s = 0.0 if before is None else before.end_s - (clip.start_s + drop_s)
        right = clip.moved(max(back_s, 0.0))
        placed.append(PlacedClip(right.clip, right.start, drop_s, gap_s))
        before = right
    return placed


def _seam_s(before: TimedClip | None, clip: TimedClip) -> float:
    """Return how much is missing between two clips; less than nothing where both show it."""
    if before is None:
        return 0.0
    seam_s = clip.start_s - before.end_s if clip.lost_before_s is None else clip.lost_before_s
    if seam_s < 0 and before.clip.duration_s is None:  # its end is a guess: nothing is dropped for it
        return 0.0
    return seam_s if abs(seam_s) >= SHARED_S else 0.0


def _loop(clips: Sequence[TimedClip]) -> tuple[list[TimedClip], list[TimedClip], list[TimedClip]]:
    loop: list[TimedClip] = []
    copies: list[TimedClip] = []
    others: list[TimedClip] = []
    for clip in clips:
        rival = max(loop[-8:], key=clip.overlap_s, default=None)
        if rival is not None and _is_same(clip, rival):
            copies.append(clip)
        elif rival is not None and clip.overlap_s(rival) > OTHER_CAMERA_S:
            others.append(clip)
        else:
            loop.append(clip)
    return loop, copies, others


def _is_same(clip: TimedClip, rival: TimedClip) -> bool:
    if abs(clip.start_s - rival.start_s) > SAME_START_S or abs(clip.length_s - rival.length_s) > SAME_START_S:
        return False
    one, other = clip.clip, rival.clip
    fixes, other_fixes = (clip.gps.fixes if clip.gps is not None else () for clip in (one, other))
    if fixes != other_fixes:
        return False
    return one.size_bytes == other.size_bytes or (bool(fixes) and one.name == other.name)


def _uncovered_s(clip: TimedClip, loop: Sequence[TimedClip]) -> float:
    """Return how much of a clip no clip of the loop shows."""
    uncovered_s, reached_s = 0.0, clip.start_s
    for other in _ordered([one for one in loop if one.overlap_s(clip) > 0]):
        uncovered_s += max(other.start_s - reached_s, 0.0)
        reached_s = max(reached_s, other.end_s)
    return uncovered_s + max(clip.end_s - reached_s, 0.0)


def _ordered(clips: Sequence[TimedClip]) -> list[TimedClip]:
    return sorted(clips, key=lambda clip: clip.order)
