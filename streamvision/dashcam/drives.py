"""Clips become drives: in the order of UTC, lens by lens, each moment once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone, tzinfo
from statistics import median
from typing import get_args

from streamvision.core.redaction import printable, short
from streamvision.dashcam.clip import Clip, Drive, View
from streamvision.dashcam.clocks import time_clips
from streamvision.dashcam.coverage import cover, place
from streamvision.dashcam.lengths import lengths_of
from streamvision.dashcam.numbers import beside_neighbours
from streamvision.dashcam.runs import evened_out, put_right_by_hours, put_right_by_lens
from streamvision.dashcam.timed_clip import Note, TimedClip, note

DEFAULT_GAP_S = 60.0
"""A longer pause ends a drive: a camera that is switched off, or a car that is left."""
LATEST_S = 253_402_300_799.0
"""The end of the year 9999; files may claim more."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def drives_of(clips: Sequence[Clip], *, gap_s: float = DEFAULT_GAP_S, zone: tzinfo | None = None) -> list[Drive]:
    """Return the drives that clips make, in the order of time.

    Satellites set the clocks where clips have positions; the positions of a camera that writes its local time come back
    in UTC. Time lapses and cameras that recorded at the same time make drives of their own.

    Args:
        clips: as :func:`~streamvision.dashcam.card.find_clips` gives them.
        gap_s: a longer pause begins a new drive.
        zone: of the cameras' clocks; needed only where no satellites tell the time.
    """
    timed, notes = time_clips(clips, lengths_of(clips), zone)
    rest = [clip for clip in timed if clip.clip.mode != "lapse"]
    drives: list[Drive] = []
    while rest:
        kept, rest, told = _one_camera(rest)
        drives += [_drive(group, notes + told) for group in _parted(kept, gap_s)]
    lapses = _parted([clip for clip in timed if clip.clip.mode == "lapse"], gap_s)
    return _with_own_ids([*drives, *(_drive(group, notes) for group in lapses)])


def driven(drives: Sequence[Drive]) -> list[Drive]:
    """Return the drives without those of a parked car, each told by the one before it; all where it never drove."""
    moving: list[Drive] = []
    for drive in drives:
        if not drive.is_parked:
            moving.append(drive)
        elif moving:
            count = len(set().union(*({one.clip.path for one in clips} for clips in drive.views.values())))
            text = f"After it {count} clip{'s' if count > 1 else ''} of the parked car: passed over"
            moving[-1] = replace(moving[-1], notes=(*moving[-1].notes, text))
    return moving or list(drives)


def _one_camera(clips: Sequence[TimedClip]) -> tuple[list[TimedClip], list[TimedClip], list[Note]]:
    """Return what the lenses of one camera show, what is left for another, and what was noticed."""
    kept: list[TimedClip] = []
    others: list[TimedClip] = []
    notes: list[Note] = []
    front: list[TimedClip] = []
    for view in sorted({clip.clip.view for clip in clips}, key=get_args(View).index):
        lens, told = put_right_by_hours([clip for clip in clips if clip.clip.view == view])
        lens, moved = put_right_by_lens(beside_neighbours(lens), front)
        coverage = cover(lens)
        front = front or list(coverage.kept)
        kept += evened_out(coverage.kept)
        others += coverage.others
        notes += told + moved + [_about_copy(clip, coverage.kept) for clip in coverage.copies]
    return kept, others, notes


def _about_copy(clip: TimedClip, kept: Sequence[TimedClip]) -> Note:
    shown = max(kept, key=clip.overlap_s)
    return note(
        f"{printable(short(clip.clip.path.name))} ({clip.clip.mode}) shows what other clips show: it was left out",
        shown,
    )


def _parted(clips: Sequence[TimedClip], gap_s: float) -> list[list[TimedClip]]:
    """Return clips of all lenses in groups without a longer pause between them."""
    groups: list[list[TimedClip]] = []
    furthest_s = float("-inf")
    for clip in sorted(clips, key=lambda one: one.order):
        if clip.start_s - furthest_s > gap_s:
            groups.append([])
        groups[-1].append(clip)
        furthest_s = max(furthest_s, clip.end_s)
    return groups


def _drive(clips: Sequence[TimedClip], notes: Iterable[Note]) -> Drive:
    ahead = [clip.camera_minus_utc_s for clip in clips if clip.camera_minus_utc_s is not None]
    files = {clip.clip.path for clip in clips}
    views = {
        view: tuple(place([clip for clip in clips if clip.clip.view == view]))
        for view in get_args(View)
        if any(clip.clip.view == view for clip in clips)
    }
    return Drive(
        id=_id(clips),
        views=views,
        camera_minus_utc_s=median(ahead) if ahead else None,
        notes=tuple(one.text for one in notes if one.files & files),
    )


def _id(clips: Sequence[TimedClip]) -> str:
    at = _EPOCH + timedelta(seconds=min(max(min(clip.start_s for clip in clips), 0.0), LATEST_S))
    return at.strftime("%Y%m%d-%H%M%S")


def _with_own_ids(drives: Sequence[Drive]) -> list[Drive]:
    """Return drives in the order of time; those that begin in the same second get a number behind their time."""
    met: Counter[str] = Counter()
    named: list[Drive] = []
    for drive in sorted(drives, key=lambda one: one.start_unix_s):
        met[drive.id] += 1
        named.append(drive if met[drive.id] == 1 else replace(drive, id=f"{drive.id}-{met[drive.id]}"))
    return named
