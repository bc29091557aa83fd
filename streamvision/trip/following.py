"""Identities over a drive, from what is kept of its clips: the tracker goes on from one clip to the next."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from pipelines.stages.tracking.registry import Tracker, create_tracker
from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.detections import Detections, class_name
from streamvision.core.errors import ConfigError
from streamvision.core.frame import FilePlace, WallTime
from streamvision.dashcam.clip import PlacedClip
from streamvision.geolocation.records import TrackBoxes
from streamvision.trip.clip_detections import ClipDetections
from streamvision.trip.joining import ClipJoining

VIEWS = 4
"""How many of its best views are kept of an identity."""
LEAST_STEP_S = 0.001
"""From picture to picture on the wall clock, where one clip's clock is a little behind that of the one before."""


class DriveClip(NamedTuple):
    """A clip of a drive and what was found on it."""

    key: str
    """Its name in the index."""
    placed: PlacedClip
    """The clip on the clock of its drive."""
    name: str
    """What results call it."""
    load: Callable[[], ClipDetections]
    """Gives what was found; not kept in memory."""


class FollowedFrame(NamedTuple):
    """One picture of a drive."""

    number: int
    """Its number in the drive, from 0."""
    pts_s: float
    """Its time since the drive's first picture."""
    taken: WallTime
    """When it was taken."""
    place: FilePlace
    """Where it stands."""
    clip: DriveClip
    """The clip that it is of."""
    picture_px: tuple[int, int]
    """Its width and height."""
    shown: bool
    """Whether the model was shown it; else its objects are where the tracker expects them."""
    detected: Detections
    """What the model found, in the rows of ``detections``; empty where it was not shown it."""
    detections: Detections
    """Objects, with identities."""
    loose: Detections
    """What the model found besides, that is no part of an identity."""


def tracker_of(config: TrackerConfig, *, score: float) -> Tracker:
    """Return a new tracker for a drive.

    Raises:
        ConfigError: when there is no such tracker, or it is none at all.
    """
    tracker = create_tracker(config, score=score)
    if tracker is None:
        raise ConfigError("a trip needs identities, but the tracker is none; give --tracker steady")
    return tracker


def follow(clips: Sequence[DriveClip], tracker: Tracker) -> Iterator[FollowedFrame]:
    """Yield each picture of a drive once, in order, with the identities of its objects.

    Args:
        clips: in their order.
        tracker: a new one; its memory bridges what is missing between two clips.
    """
    number, last_unix_s, joining = 0, -math.inf, ClipJoining()
    for clip in clips:
        found = clip.load()
        times_s = joining.join(clip.placed, found)
        start = clip.placed.start
        rows = zip(
            found.file_frame.tolist(),
            found.media_s.tolist(),
            found.pts_s.tolist(),
            found.shown.tolist(),
            times_s,
            found.objects(),
            strict=True,
        )
        for file_frame, media_s, file_pts_s, shown, time_s, objects in rows:
            if time_s is None:
                continue
            last_unix_s = max(start.unix_s + media_s, last_unix_s + LEAST_STEP_S)
            detected, tracked, loose = _tracked(tracker, objects, time_s, found.picture_px, shown=shown)
            yield FollowedFrame(
                number,
                time_s,
                WallTime(last_unix_s, start.source),
                FilePlace(clip.name, file_frame, file_pts_s),
                clip,
                found.picture_px,
                shown,
                detected,
                tracked,
                loose,
            )
            number += 1


def _tracked(
    tracker: Tracker, objects: Detections, pts_s: float, picture_px: tuple[int, int], *, shown: bool
) -> tuple[Detections, Detections, Detections]:
    """Return what the model found of each object, the same with identities and smoothed boxes, and what has none."""
    if not shown:
        expected = tracker.predict(pts_s=pts_s, picture_px=picture_px)
        return Detections.empty(), expected.with_columns(attributes=None), Detections.empty()
    rows = np.empty(len(objects), np.object_)
    rows[:] = range(len(objects))
    tracked = tracker.update(objects.with_columns(attributes=rows), pts_s=pts_s)
    kept = tracked.attributes.astype(np.intp) if tracked.attributes is not None else np.empty(0, np.intp)
    is_loose = np.ones(len(objects), np.bool_)
    is_loose[[row for row, identity in zip(kept, tracked.identities(), strict=True) if identity is not None]] = False
    return objects[kept], tracked.with_columns(attributes=None), objects[is_loose]


@dataclass(frozen=True, eq=False)
class BestPicture:
    """Where an identity is seen best."""

    key: str
    """Name of the clip in the index."""
    clip: PlacedClip
    """The clip."""
    file_frame: int
    """Number of the picture in the file."""
    pts_s: float
    """Its time in the file."""
    box_xyxy_px: tuple[float, float, float, float]
    """The object's box on it."""
    clearness: float
    """How well it is seen: confidence times size."""
    found: Detections
    """All that the model found on the picture."""


@dataclass(eq=False)
class _Growing:
    """The boxes of an identity, so far."""

    class_id: list[int] = field(default_factory=list)
    time_unix_s: list[float] = field(default_factory=list)
    box_xyxy_px: list[list[float]] = field(default_factory=list)
    score: list[float] = field(default_factory=list)
    picture_px: tuple[int, int] = (0, 0)
    views: list[BestPicture] = field(default_factory=list)
    first: FollowedFrame | None = None


class TrackCollector:
    """Collects the boxes of each identity of a drive.

    Args:
        names: class names by class id.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._tracks: dict[int, _Growing] = {}

    def add(self, frame: FollowedFrame) -> None:
        """Take the objects of the next picture; what the model was not shown says nothing new."""
        if not frame.shown:
            return
        for row, identity in enumerate(frame.detections.identities()):
            if identity is not None:
                self._add(self._tracks.setdefault(identity, _Growing()), frame, row)

    def tracks(self) -> list[TrackBoxes]:
        """Return the identities, in the order in which they were given."""
        return [self._finished(identity, one) for identity, one in sorted(self._tracks.items())]

    def _add(self, track: _Growing, frame: FollowedFrame, row: int) -> None:
        box = frame.detected.box_xyxy_px[row].tolist()
        score = float(frame.detected.score[row])
        track.class_id.append(int(frame.detected.class_id[row]))
        track.time_unix_s.append(frame.taken.unix_s)
        track.box_xyxy_px.append(box)
        track.score.append(score)
        track.picture_px = frame.picture_px
        track.first = track.first or frame
        clearness = clearness_of(box, score, frame.picture_px)
        if len(track.views) < VIEWS or clearness > track.views[-1].clearness:
            left, top, right, bottom = box
            corners = (left, top, right, bottom)
            clip, place = frame.clip, frame.place
            view = BestPicture(clip.key, clip.placed, place.frame, place.pts_s, corners, clearness, frame.detected)
            track.views = sorted([*track.views, view], key=lambda one: -one.clearness)[:VIEWS]

    def _finished(self, identity: int, track: _Growing) -> TrackBoxes:
        assert track.first is not None
        votes = np.bincount(track.class_id, weights=track.score)
        first = sighting(track.first.clip.key, track.first.place.frame, track.box_xyxy_px[0])
        return TrackBoxes(
            track_id=identity,
            class_name=class_name(int(votes.argmax()), self._names),
            time_unix_s=np.array(track.time_unix_s),
            box_xyxy_px=np.array(track.box_xyxy_px, np.float64),
            score=np.array(track.score),
            picture_px=track.picture_px,
            details={"best": track.views[0], "views": tuple(track.views), "first_seen": first},
        )


def sighting(key: str, file_frame: int, box_xyxy_px: Sequence[float]) -> str:
    """Return a name of a box on a picture of a clip."""
    return f"{key}:{file_frame}:{','.join(f'{at:.0f}' for at in box_xyxy_px)}"


def clearness_of(box_xyxy_px: Sequence[float], score: float, picture_px: tuple[int, int]) -> float:
    """Return how well an object is seen: its score times the root of the part of the picture that its box takes.

    A box that an edge cuts counts half.
    """
    left, top, right, bottom = box_xyxy_px
    width_px, height_px = picture_px
    is_cut = left <= 1 or top <= 1 or right >= width_px - 1 or bottom >= height_px - 1
    share = max(right - left, 0.0) * max(bottom - top, 0.0) / max(width_px * height_px, 1)
    return score * float(np.sqrt(share)) * (0.5 if is_cut else 1.0)
