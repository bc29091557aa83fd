"""What the camera's own clock says of the beginning of a clip: by its name, its container or its file's time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Literal, NamedTuple

from streamvision.core.analysis import TimeSource
from streamvision.dashcam.clip import Clip

EARLIEST_S = datetime(2001, 1, 1, tzinfo=timezone.utc).timestamp()
"""Containers of a clock that was never set say 1904, 1970 or 2000."""
HALF_SECOND = 0.5
"""Names and containers say whole seconds, cut off: half a second later is right in the middle."""

ReadingKind = Literal["name", "container", "file"]
KINDS: tuple[ReadingKind, ...] = ("name", "container", "file")
"""In the order in which they are believed."""


class Reading(NamedTuple):
    """A beginning by the camera's clock."""

    kind: ReadingKind
    """Where it stands: in the name, in the container, or in the file system."""
    local_s: float
    """Seconds since 1970, as if the camera's clock were UTC."""

    @property
    def source(self) -> TimeSource:
        """What results call it; the file system's time is the container's at best."""
        return "file_name" if self.kind == "name" else "container"


def readings_of(clips: Sequence[Clip], lengths: Mapping[Path, float]) -> dict[Path, list[Reading]]:
    """Return what the clips of one camera say, the most trusted first; nothing that all say alike.

    Args:
        clips: of one camera.
        lengths: how long each plays.
    """
    created = _told_apart({clip.path: clip.created_unix_s for clip in clips if not _is_of_take(clip, clips)})
    modified = _told_apart({clip.path: clip.modified_unix_s for clip in clips})
    if _is_of_copying(clips, modified, lengths):
        modified = {}
    at_end = _created_at_end(clips, created, lengths)
    readings: dict[Path, list[Reading]] = {}
    for clip in clips:
        path, length_s = clip.path, lengths[clip.path]
        readings[path] = found = []
        if clip.name is not None and clip.name.stamp is not None:
            found.append(Reading("name", clip.name.stamp.replace(tzinfo=timezone.utc).timestamp() + HALF_SECOND))
        if path in created:
            found.append(Reading("container", created[path] - (length_s if at_end else 0.0) + HALF_SECOND))
        if path in modified:
            found.append(Reading("file", modified[path] - length_s))
    return readings


def _told_apart(times: Mapping[Path, float | None]) -> dict[Path, float]:
    """Leave out times that a clock had before it was set, and those of a copy, which was made in an instant."""
    said = {path: unix_s for path, unix_s in times.items() if unix_s is not None and unix_s >= EARLIEST_S}
    return {} if len(said) > 1 and len(set(said.values())) == 1 else said


def _is_of_take(clip: Clip, clips: Sequence[Clip]) -> bool:
    """Say whether a chapter has the time of the first chapter of its take."""
    return clip.name is not None and any(
        other.name is not None
        and (other.name.maker, other.name.counter) == (clip.name.maker, clip.name.counter)
        and other.name.chapter < clip.name.chapter
        and other.created_unix_s == clip.created_unix_s
        for other in (clips if clip.name.chapter else ())
    )


def _is_of_copying(clips: Sequence[Clip], modified: Mapping[Path, float], lengths: Mapping[Path, float]) -> bool:
    """Say whether files were written faster than they play, as by a copy of the card."""
    faster = slower = 0
    for view in {clip.view for clip in clips}:
        own = sorted((clip for clip in clips if clip.view == view and clip.path in modified), key=_modified_s)
        for before, after in pairwise(own):
            is_faster = modified[after.path] - modified[before.path] < 0.8 * lengths[after.path] - 2.0
            faster, slower = faster + is_faster, slower + (not is_faster)
    return faster > slower


def _modified_s(clip: Clip) -> float:
    return clip.modified_unix_s


def _created_at_end(clips: Sequence[Clip], created: Mapping[Path, float], lengths: Mapping[Path, float]) -> bool:
    """Say whether containers name the end of the clip, as some do, by the names or the distances of neighbours."""
    ordered = sorted((clip for clip in clips if clip.path in created), key=lambda clip: (created[clip.path], clip.path))
    if clips_with_name := [clip for clip in ordered if clip.name is not None and clip.name.stamp is not None]:
        behind = [
            created[clip.path] - clip.name.stamp.replace(tzinfo=timezone.utc).timestamp()
            for clip in clips_with_name
            if clip.name is not None and clip.name.stamp is not None
        ]
        return _is_about(median(behind), median(lengths[clip.path] for clip in clips_with_name))
    by_start = by_end = 0.0
    for before, after in pairwise(ordered):
        step_s = created[after.path] - created[before.path]
        by_start += min(abs(step_s - lengths[before.path]), 5.0)
        by_end += min(abs(step_s - lengths[after.path]), 5.0)
    return by_end + 1.0 < by_start


def _is_about(apart_s: float, length_s: float) -> bool:
    """Say whether two clocks, whole quarters of an hour apart, are nearer to a clip's length than to nothing."""
    rest_s = apart_s % 900.0
    return abs(rest_s - length_s % 900.0) < min(rest_s, 900.0 - rest_s)
