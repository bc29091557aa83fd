"""Boxes without an identity: which of a picture are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from streamvision.core.detections import Detections
from streamvision.core.frame import FilePlace, WallTime
from streamvision.dashcam.clip import Clip, PlacedClip
from streamvision.trip.clip_detections import ClipDetectionsBuilder
from streamvision.trip.following import DriveClip, FollowedFrame
from streamvision.trip.loose import MOST_BOXES, loose_rows


def test_a_picture_full_of_boxes_gives_its_surest_ones_in_their_order() -> None:
    count = 300
    begin = np.arange(count, dtype=np.float32)[:, None] * 4
    score = np.random.default_rng(1).permutation(count).astype(np.float32) / count
    loose = Detections(np.hstack([begin, begin, begin + 3, begin + 3]), score, np.zeros(count, np.int32))
    rows = loose_rows(_frame(loose))
    assert rows == sorted(np.argsort(-score)[:MOST_BOXES].tolist())
    assert loose_rows(_frame(loose[np.arange(5)])) == [0, 1, 2, 3, 4]


def _frame(loose: Detections) -> FollowedFrame:
    nothing = loose[np.empty(0, np.intp)]
    taken = WallTime(1_780_000_000.0, "gps")
    clip = Clip(Path("a.MP4"), None, "front", "normal", 60.0, None, 1_780_000_000.0, None)
    found = ClipDetectionsBuilder().finish(lost_s=0.0, note="")
    drive_clip = DriveClip("key", PlacedClip(clip, taken), "a.MP4", lambda: found)
    place = FilePlace("a.MP4", 0, 0.0)
    return FollowedFrame(0, 0.0, taken, place, drive_clip, (1280, 720), True, nothing, nothing, loose)
