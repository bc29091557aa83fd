"""The tracks of a source: which one is shown, and what is said of the others."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

from av.stream import Disposition

from streamvision.core.errors import SourceError

_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_MOVES_FOR = 0.1
"""A film lasts at least this share of the longest track; a thumbnail that has one of its own does not."""
_MOST_LISTED = 16
_DISCARD_ALL = 48
"""AVDISCARD_ALL."""
DURATION_TAG = re.compile(r"(\d+):(\d\d):(\d\d\.\d+)")
"""How Matroska gives the duration of each track."""


@dataclass(frozen=True, kw_only=True)
class Track:
    """One track of a source, as its header describes it."""

    number: int
    """Its place among all tracks, from 0; FFmpeg's stream index."""
    kind: str
    """video, audio, subtitle or data."""
    codec: str
    """FFmpeg's name of the codec; ``unknown`` where FFmpeg does not know it."""
    width_px: int = 0
    """Width as coded; 0 where it is not known yet, and for what is no video."""
    height_px: int = 0
    """Height as coded."""
    fps: float | None = None
    """Average frame rate."""
    frames: int | None = None
    """How many frames the header promises."""
    duration_s: float | None = None
    """How long it lasts."""
    default: bool = False
    """Whether the file says that players should take it."""
    cover: bool = False
    """Whether it is a cover, a thumbnail or another single picture."""
    language: str | None = None
    """Its language, where the file says it."""

    def __str__(self) -> str:
        size = f" {self.width_px}x{self.height_px}" if self.width_px else ""
        notes = [
            self.codec + size if self.kind == "video" else f"{self.kind} {self.codec}",
            f"{self.fps:g} fps" if self.fps and not self.cover else "",
            "a single picture" if self.cover else "",
            "default" if self.default else "",
        ]
        return f"{self.number}: {', '.join(note for note in notes if note)}"


def tracks_of(container: Any) -> list[Track]:
    """Return all tracks of an open container, in its order."""
    streams = list(container.streams)
    longest_s = max((_duration_s(stream) or 0.0 for stream in streams if stream.type == "video"), default=0.0)
    return [_track(stream, longest_s) for stream in streams]


def choose_track(tracks: Sequence[Track], wanted: int | None, shown: str) -> Track:
    """Return the video track to read.

    Args:
        tracks: all tracks of the source.
        wanted: number of the one that the user wants; by default a moving one comes before a single picture, the
            default one before others, and the largest before smaller ones.
        shown: the source, as it may be shown.

    Raises:
        SourceError: permanent; where there is none, or not the wanted one. It lists the tracks.
    """
    videos = [track for track in tracks if track.kind == "video"]
    if not videos:
        raise SourceError(f"{shown} has no video{_in_brackets(tracks)}; give a source that has", permanent=True)
    if wanted is None:
        return min(videos, key=lambda one: (one.cover, not one.default, -one.width_px * one.height_px, one.number))
    for track in videos:
        if track.number == wanted:
            return track
    numbers = " or ".join(str(track.number) for track in videos)
    raise SourceError(
        f"{shown} has no video track {wanted}{_in_brackets(tracks)}; give track {numbers}", permanent=True
    )


def leave_out_others(container: Any, numbers: Set[int]) -> None:
    """Tell the container that only these tracks are read, or else all qualities of a playlist would be downloaded."""
    for stream in container.streams:
        if stream.index not in numbers and hasattr(stream, "discard"):  # older versions of PyAV have no such thing
            stream.discard = _DISCARD_ALL


def listed(tracks: Sequence[Track]) -> str:
    """Return the tracks in words, the first ones of many."""
    more = f"; and {len(tracks) - _MOST_LISTED} more" if len(tracks) > _MOST_LISTED else ""
    return "; ".join(map(str, tracks[:_MOST_LISTED])) + more


def _in_brackets(tracks: Sequence[Track]) -> str:
    return f" (its tracks are {listed(tracks)})" if tracks else ""


def _track(stream: Any, longest_s: float) -> Track:
    common = {
        "number": stream.index,
        "kind": stream.type or "unknown",
        "codec": _codec_name(stream),
        "duration_s": _duration_s(stream),
        "default": bool(stream.disposition & Disposition.default),
        "language": stream.language,
    }
    if stream.type != "video" or stream.codec_context is None:
        return Track(**common)
    rate = stream.average_rate or stream.guessed_rate
    return Track(
        **common,
        width_px=stream.codec_context.width,
        height_px=stream.codec_context.height,
        fps=round(float(rate), 3) if rate else None,
        frames=stream.frames or None,
        cover=_is_cover(stream, common["duration_s"], longest_s),
    )


def _codec_name(stream: Any) -> str:
    return stream.codec_context.codec.name if stream.codec_context is not None else "unknown"


def _is_cover(stream: Any, duration_s: float | None, longest_s: float) -> bool:
    if stream.disposition & _PICTURES or stream.frames == 1:
        return True
    return duration_s is not None and duration_s < _MOVES_FOR * longest_s


def _duration_s(stream: Any) -> float | None:
    if stream.duration and stream.time_base:
        return round(float(stream.duration * stream.time_base), 3)
    if tag := DURATION_TAG.fullmatch(stream.metadata.get("DURATION", "")):
        hours, minutes, seconds = tag.groups()
        return int(hours) * 3600 + int(minutes) * 60 + round(float(seconds), 3)
    return None
