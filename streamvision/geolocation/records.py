"""What places objects, and what comes of it."""

from __future__ import annotations

import math
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
    is_gathered: bool = False
    """Whether its boxes were put together by their places alone, since the tracker did not hold it."""
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
    side_error_m: float = 1.0
    """Standard deviation of :attr:`side_m`. The receiver's error is not in it, which moves way and object alike."""
    rise_m: float | None = None
    """How much higher than the camera its middle is."""

    @property
    def error_m(self) -> float:
        """Radius in which it lies in two of three cases."""
        east, _, north = self.covariance_m2
        return float(np.sqrt(max(east + north, 0.0) / 2) * 1.5)


def as_matrix(covariance_m2: tuple[float, float, float]) -> F64:
    """Return (2, 2) the matrix of a variance to the east, a covariance, and a variance to the north."""
    east, both, north = covariance_m2
    return np.array([[east, both], [both, north]])


@dataclass(frozen=True, eq=False)
class PlacedTrack:
    """An identity of one drive and its place."""

    track: TrackBoxes
    """What was seen."""
    place: PlaceOnEarth | None
    """Where it stands; ``None`` where its boxes say too little, as of what was seen from afar only."""
    reason: str | None = None
    """Why it has no place, in a few words."""
    parts: tuple[TrackBoxes, ...] = ()
    """The identities that :attr:`track` was joined from where they proved to be one object; empty: it is one."""
    rough_place: PlaceOnEarth | None = None
    """Where :attr:`place` is ``None``: somewhere in a long ellipse around this. No place to show; but a later drive's
    place in the ellipse may be that of the same object."""
    size_m: float | None = None
    """How high the object itself is."""
    unshared_covariance_m2: tuple[float, float, float] | None = None
    """As :attr:`PlaceOnEarth.covariance_m2`, without what all places of one pass have in common: the receiver's own
    error. Two places of one pass are compared by it."""
    by_boxes_covariance_m2: tuple[float, float, float] | None = None
    """The same without what comes from the camera either: only what the boxes leave."""

    @property
    def by_boxes_m(self) -> float:
        """Standard deviation along the line of sight that the boxes leave: were they seen near enough?"""
        if self.by_boxes_covariance_m2 is None:
            return math.inf
        return math.sqrt(max(float(np.linalg.eigvalsh(as_matrix(self.by_boxes_covariance_m2))[-1]), 0.0))


@dataclass(frozen=True)
class Estimated:
    """A number that was estimated."""

    value: float
    """The most likely value."""
    spread: float
    """Its standard deviation."""


@dataclass(frozen=True)
class Camera:
    """What is known of the camera: a pinhole that looks along the way, all but for its yaw."""

    focal_px: Estimated
    """Focal length, in pixels of the picture."""
    yaw_deg: Estimated
    """Direction in which it looks, clockwise from the direction of travel."""
    delay_s: Estimated
    """How much later the receiver says what the pictures show: a frame of the time ``t`` was taken where the way is at
    ``t + delay_s``."""
    horizon_px: Estimated
    """Row of the horizon."""
    picture_px: tuple[int, int]
    """Width and height of the picture."""


@dataclass(frozen=True, eq=False)
class Placement:
    """What a drive saw: one row for each physical object."""

    placed: tuple[PlacedTrack, ...]
    """The objects, in the order in which they were seen first."""
    left_out: tuple[PlacedTrack, ...]
    """What is taken for no object, each with its reason."""
    camera: Camera | None
    """The camera, as the tracks show it; ``None`` where there was nothing to estimate it from."""
    candidates: tuple[PlacedTrack, ...] = ()
    """What this drive alone does not prove, each with its reason: it counts where another drive saw the object."""


@dataclass(frozen=True)
class KnownObject:
    """A physical object, all drives until now together."""

    id: int
    """Its number, from 1."""
    class_name: str
    """What it is."""
    text: str | None
    """What a second model read on it."""
    place: PlaceOnEarth | None
    """Where it stands; ``None`` where no drive could place it."""
    rough_place: PlaceOnEarth | None = None
    """Where :attr:`place` is ``None``: somewhere in a long ellipse around this."""
    size_m: float | None = None
    """How high it is."""
    times_seen: int = 1
    """How many drives saw it."""
    times_passed: int = 1
    """How many drives should have seen it, with those that did."""
    misses: int = 0
    """How many of the newest of these did not see it, one after the other."""
    gone: bool = False
    """Whether so many misses mean that it is no longer there."""
    is_proven: bool = True
    """Whether some drive has proven it; else it is a candidate that waits for one."""


@dataclass(frozen=True, eq=False)
class Merged:
    """What is known after one more drive."""

    objects: tuple[KnownObject, ...]
    """All objects, in the order of their numbers."""
    object_ids: tuple[int, ...]
    """The object of each row of :attr:`Placement.placed`."""
    candidate_ids: tuple[int, ...] = ()
    """That of each row of :attr:`Placement.candidates`."""
