"""What a trip comes to: its drives and the objects that were seen, as the table, the map and the report show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

ObjectState = Literal["seen", "gone"]


@dataclass(frozen=True)
class ObjectView:
    """When one drive saw an object."""

    drive: str
    """Identifier of the drive."""
    first_unix_s: float
    """Its first frame in this drive, UTC."""
    last_unix_s: float
    """Its last frame in this drive, UTC: about when the camera passed it."""


@dataclass(frozen=True)
class SeenObject:
    """One physical object, all drives together."""

    id: int
    """Its number, from 1; it stays the same when other drives see it again."""
    class_name: str
    """What it is."""
    text: str | None
    """What a second model read on it."""
    first_unix_s: float
    """When it was seen first, UTC."""
    last_unix_s: float
    """When it was seen last, UTC."""
    frames: int
    """How many frames showed it."""
    best_score: float
    """The highest confidence, 0..1."""
    mean_score: float
    """The mean confidence over its frames, 0..1."""
    picture: str | None
    """Its best picture, from the output folder."""
    latitude_deg: float | None
    """Where it stands (WGS 84); ``None`` where it could not be placed."""
    longitude_deg: float | None
    """Where it stands."""
    error_m: float | None
    """Radius in which it lies in two of three cases."""
    bearing_deg: float | None
    """Direction of travel from which it was seen, clockwise from true north."""
    drives: tuple[str, ...]
    """Identifiers of the drives that saw it, in their order."""
    state: ObjectState = "seen"
    """``gone`` where later drives should have seen it and did not."""
    speed_limit_kmh: float | None = None
    """The limit that it sets, where its text is one."""
    views: tuple[ObjectView, ...] = ()
    """When each drive saw it, in the order of time."""
    covariance_m2: tuple[float, float, float] | None = None
    """Variance of its place to the east, covariance, variance to the north; ``None`` where only the radius is known."""


@dataclass(frozen=True, eq=False)
class DriveSummary:
    """One drive of the trip."""

    id: str
    """Its beginning in UTC, as ``20260628-133416``."""
    start_unix_s: float
    """When it begins, UTC."""
    end_unix_s: float
    """When it ends, UTC."""
    distance_m: float | None
    """How far it went; ``None`` without positions."""
    clips: tuple[str, ...]
    """Names of its front clips, in order."""
    lost_s: float
    """How much could not be decoded."""
    notes: tuple[str, ...]
    """What the user should know, one sentence each."""
    track: NDArray[np.float64]
    """(N, 6) time_unix_s, latitude_deg, longitude_deg, speed_m_s, course_deg, error_m; NaN where not known."""
    video: str | None
    """The annotated video, from the output folder; its time is that since ``start_unix_s``. ``None``: none."""


@dataclass(frozen=True)
class TripSummary:
    """All of it."""

    drives: tuple[DriveSummary, ...]
    """In the order of time."""
    objects: tuple[SeenObject, ...]
    """In the order of :attr:`SeenObject.id`."""
    title: str
    """Name of the folder."""
