"""What places objects, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrackBoxes:
    """The boxes of one identity over a drive.

    Raises:
        ValueError: when the arrays differ in length.
    """

    track_id: int
    """The identity."""
    class_name: str
    """What it is."""
    time_unix_s: F64
    """(N,) when each frame was taken, growing."""
    box_xyxy_px: F64
    """(N, 4) boxes in the pixels of the picture."""
    score: F64
    """(N,) confidence, 0..1."""
    picture_px: tuple[int, int]
    """Width and height of the picture."""
    text: str | None = None
    """What a second model read on it."""
    details: dict[str, Any] = field(default_factory=dict)
    """What the caller wants to find again, such as where its best picture is; never looked at."""

    def __post_init__(self) -> None:
        if not len(self.time_unix_s) == len(self.box_xyxy_px) == len(self.score):
            raise ValueError("times, boxes and scores must have the same length")


@dataclass(frozen=True)
class PlaceOnEarth:
    """Where an object stands (WGS 84), and how sure that is."""

    latitude_deg: float
    """Degrees north of the equator."""
    longitude_deg: float
    """Degrees east of Greenwich."""
    covariance_m2: tuple[float, float, float]
    """Variance to the east, covariance, variance to the north, in square metres."""
    bearing_deg: float
    """Direction in which the camera moved past it, clockwise from true north."""
    side_m: float
    """How far right of the camera's way it stands; negative: left."""

    @property
    def error_m(self) -> float:
        """Radius in which it lies in two of three cases."""
        east, _, north = self.covariance_m2
        return float(np.sqrt(max(east + north, 0.0) / 2) * 1.5)


@dataclass(frozen=True, eq=False)
class PlacedTrack:
    """An identity of one drive and its place."""

    track: TrackBoxes
    """What was seen."""
    place: PlaceOnEarth | None
    """Where it stands; ``None`` where its boxes say too little, as of what was seen from afar only."""
    reason: str | None = None
    """Why it has no place, in a few words."""
