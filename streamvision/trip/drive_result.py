"""What one drive comes to, from what is kept of its clips: a line a frame, identities, objects and their places."""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.files import writing
from streamvision.core.frame import describe_place, describe_when
from streamvision.core.redaction import printable
from streamvision.dashcam.clip import Drive
from streamvision.geolocation.placing import place_tracks
from streamvision.geolocation.records import Placement, TrackBoxes
from streamvision.gps.track import GpsTrack
from streamvision.trip.following import DriveClip, FollowedFrame, TrackCollector, follow, tracker_of
from streamvision.trip.loose import LooseCollector
from streamvision.trip.sign_text import SignReader


@dataclass(frozen=True, eq=False)
class DriveResult:
    """A drive that has been gone through."""

    drive: Drive
    """Its clips."""
    clips: tuple[DriveClip, ...]
    """Those of the lens that was worked on."""
    way: GpsTrack | None
    """Where it went; ``None`` where nobody knows."""
    tracks: tuple[TrackBoxes, ...]
    """The identities."""
    lines: Path
    """The file with a line a frame."""
    frames: int
    """How many frames it has."""
    start_unix_s: float
    """When its first frame was taken."""
    end_unix_s: float
    """When its last frame was taken."""
    looked_unix_s: NDArray[np.float64]
    """(N,) when the frames were taken that the model was shown."""
    lost_s: float
    """How much of it could not be decoded."""
    notes: tuple[str, ...]
    """What the user should know."""
    placement: Placement | None
    """The objects that the identities are of, and where they stand; ``None`` where nobody knows the way."""


def go_through(
    drive: Drive,
    clips: Sequence[DriveClip],
    way: GpsTrack | None,
    lines: Path,
    *,
    names: tuple[str, ...],
    tracker: TrackerConfig,
    score: float,
    reader: SignReader | None = None,
) -> DriveResult:
    """Give identities over a drive, place them, and write a line a frame.

    Args:
        drive: the drive.
        clips: those of the lens that is worked on, in order.
        way: where it went.
        lines: the file to write.
        names: class names by class id.
        tracker: gives the identities.
        score: lowest score of an object that is reported without an identity.
        reader: reads what stands on them; ``None``: nobody does.

    Raises:
        ConfigError: when there is no such tracker, or none at all.
        OutputError: when the file cannot be written.
    """
    following = tracker_of(tracker, score=score)
    smooth = way.smoothed() if way is not None else None
    collector, loose, times, looked = TrackCollector(names), LooseCollector(names), array("d"), array("d")
    instead = "free space, or give another folder with --state"
    with writing(lines, instead=instead), lines.open("w", encoding="utf-8") as stream:
        for frame in follow(clips, following):
            collector.add(frame)
            loose.add(frame)
            _write_line(stream, drive.id, frame, smooth, names)
            times.append(frame.taken.unix_s)
            if frame.shown:
                looked.append(frame.taken.unix_s)
    lost_s, notes = _losses(clips)
    tracks = collector.tracks()
    if way is not None:
        tracks += loose.tracks(tracks, way)
    if reader is not None:
        tracks = reader.read(tracks)
    return DriveResult(
        drive=drive,
        clips=tuple(clips),
        way=way,
        tracks=tuple(tracks),
        lines=lines,
        frames=len(times),
        start_unix_s=times[0] if times else 0.0,
        end_unix_s=times[-1] if times else 0.0,
        looked_unix_s=np.array(looked),
        lost_s=lost_s,
        notes=(*drive.notes, *map(printable, notes)),
        placement=place_tracks(tracks, way) if way is not None else None,
    )


def _write_line(stream: TextIO, drive: str, frame: FollowedFrame, way: GpsTrack | None, names: tuple[str, ...]) -> None:
    position = way.at(frame.taken.unix_s) if way is not None else None
    record = {
        "stream": drive,
        "frame": frame.number,
        "pts_s": round(frame.pts_s, 6),
        **describe_when(frame.taken, position),
        "objects": list(frame.detections.objects(names)),
        **describe_place(frame.place),
    }
    stream.write(json.dumps(record, separators=(",", ":"), allow_nan=False) + "\n")


def _losses(clips: Sequence[DriveClip]) -> tuple[float, list[str]]:
    """Return how much of the clips could not be decoded, and a sentence about each of which something is missing."""
    lost_s, notes = 0.0, []
    for clip in clips:
        found = clip.load()
        lost_s += found.lost_s
        if found.note or found.lost_s:
            notes.append(found.note or f"{clip.name}: {found.lost_s:.1f} s could not be decoded")
    return lost_s, notes
