"""What a run comes to, as records and as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.gps.track import GpsTrack
from streamvision.trip.drive_result import DriveResult
from streamvision.trip.object_files import object_row, utc
from streamvision.trip.records import DriveSummary, TripSummary


@dataclass(frozen=True)
class ClipCounts:
    """How many clips there were."""

    found: int
    """On the card, of the chosen lens."""
    new: int
    """Worked on in this run."""
    skipped: int
    """Known from a run before."""


@dataclass(frozen=True)
class TripReport:
    """What a run comes to."""

    summary: TripSummary
    """The drives and the objects."""
    clips: ClipCounts
    """How many clips there were."""
    output: Path
    """Where the results are."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        drives = self.summary.drives
        return {
            "drives": [_drive_row(one) for one in drives],
            "objects": [object_row(one) for one in self.summary.objects],
            "clips": vars(self.clips),
            "lost_s": round(sum(one.lost_s for one in drives), 3),
            "output": str(self.output),
        }


def drive_summary(result: DriveResult) -> DriveSummary:
    """Return a drive as the report shows it, without a video."""
    way = result.way
    return DriveSummary(
        id=result.drive.id,
        start_unix_s=result.start_unix_s,
        end_unix_s=result.end_unix_s,
        distance_m=way.distance_m if way is not None else None,
        clips=tuple(clip.name for clip in result.clips),
        lost_s=result.lost_s,
        notes=result.notes,
        track=_track(way.smoothed()) if way is not None else np.empty((0, 6)),
        video=None,
    )


def _track(way: GpsTrack) -> NDArray[np.float64]:
    rows = way.rows()
    return np.column_stack([rows[:, :3], rows[:, 4:6], way.errors_m])


def _drive_row(one: DriveSummary) -> dict[str, Any]:
    return {
        "id": one.id,
        "start_time": utc(one.start_unix_s),
        "end_time": utc(one.end_unix_s),
        "distance_m": None if one.distance_m is None else round(one.distance_m, 1),
        "clips": list(one.clips),
        "lost_s": round(one.lost_s, 3),
        "notes": list(one.notes),
        "video": one.video,
    }
