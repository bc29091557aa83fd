"""What the tracker gave no identity over a drive: kept small, and made identities of where places prove them."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from streamvision.core.boxes import overlapping
from streamvision.core.detections import class_name
from streamvision.geolocation.gathering import LooseBoxes
from streamvision.geolocation.placing import gathered_tracks
from streamvision.geolocation.records import TrackBoxes
from streamvision.gps.track import GpsTrack
from streamvision.trip.clip_detections import ClipDetections
from streamvision.trip.following import VIEWS, BestPicture, DriveClip, FollowedFrame, clearness_of, sighting

_SAME_IOU = 0.3
"""A box that overlaps with that of an identity so much is another one of the same object."""
_CLIPS_OPEN = 4
"""Clips whose objects are in memory at a time: the views of one object lie on neighbouring ones."""
MOST_BOXES = 32
"""Boxes of one picture that are kept at most, the surest: 100 of noise cost 55 ms of a core to gather, 30 cost 8."""


class LooseCollector:
    """Collects the boxes of a drive that are no part of an identity.

    Args:
        names: class names by class id.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._clips: list[DriveClip] = []
        self._picture_px = (0, 0)
        self._numbers = array("d")  # per box: time, corners (4), score, class, clip, picture, its time in the file

    def add(self, frame: FollowedFrame) -> None:
        """Take the next picture; one of another size than the first is left out."""
        self._picture_px = self._picture_px if any(self._picture_px) else frame.picture_px
        if not len(frame.loose) or frame.picture_px != self._picture_px:
            return
        if not self._clips or self._clips[-1] is not frame.clip:
            self._clips.append(frame.clip)
        for row in loose_rows(frame):
            self._numbers.append(frame.taken.unix_s)
            self._numbers.extend(frame.loose.box_xyxy_px[row].tolist())
            self._numbers.extend((float(frame.loose.score[row]), float(frame.loose.class_id[row])))
            self._numbers.extend((len(self._clips) - 1, frame.place.frame, frame.place.pts_s))

    def tracks(self, tracks: Sequence[TrackBoxes], way: GpsTrack) -> list[TrackBoxes]:
        """Return identities for what the boxes show, after those that there are.

        Args:
            tracks: the identities that the tracker gave.
            way: of the drive.
        """
        rows = np.array(self._numbers, np.float64).reshape(-1, 10)
        loose = LooseBoxes(rows[:, 0], rows[:, 1:5], rows[:, 5], rows[:, 6].astype(np.int32), self._picture_px)
        next_id = max((track.track_id for track in tracks), default=0) + 1
        groups = gathered_tracks(loose, tracks, way)
        found = lru_cache(maxsize=_CLIPS_OPEN)(lambda number: self._clips[number].load())
        return [self._track(next_id + number, rows[group], found) for number, group in enumerate(groups)]

    def _track(self, identity: int, rows: np.ndarray, found: Callable[[int], ClipDetections]) -> TrackBoxes:
        boxes, scores = rows[:, 1:5], rows[:, 5]
        seen = zip(boxes.tolist(), scores.tolist(), strict=True)
        clearness = [clearness_of(box, score, self._picture_px) for box, score in seen]
        best = sorted(range(len(rows)), key=lambda at: -clearness[at])[:VIEWS]
        views = tuple(self._view(rows[at], clearness[at], found) for at in best)
        clip = self._clips[int(rows[0, 7])]
        return TrackBoxes(
            identity,
            class_name(int(rows[0, 6]), self._names),
            rows[:, 0],
            boxes,
            scores,
            self._picture_px,
            is_gathered=True,
            details={
                "best": views[0],
                "views": views,
                "first_seen": sighting(clip.key, int(rows[0, 8]), boxes[0].tolist()),
            },
        )

    def _view(self, row: np.ndarray, clearness: float, found: Callable[[int], ClipDetections]) -> BestPicture:
        number, file_frame = int(row[7]), int(row[8])
        clip = self._clips[number]
        left, top, right, bottom = row[1:5].tolist()
        objects = found(number).objects_of(file_frame)
        return BestPicture(
            clip.key, clip.placed, file_frame, float(row[9]), (left, top, right, bottom), clearness, objects
        )


def loose_rows(frame: FollowedFrame) -> list[int]:
    """Return which boxes without an identity are no second ones of one that has: the surest, in their order."""
    named = np.array([one is not None for one in frame.detections.identities()], np.bool_)
    _, doubles, iou = overlapping(frame.detected.box_xyxy_px[named], frame.loose.box_xyxy_px)
    rows = set(range(len(frame.loose))) - set(doubles[iou > _SAME_IOU].tolist())
    return sorted(sorted(rows, key=lambda row: (-frame.loose.score[row], row))[:MOST_BOXES])
