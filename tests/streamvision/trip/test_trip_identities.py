"""Identities over a drive that is cut into clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.capture.trip.seams import COLUMNS, ROWS, Glance
from pipelines.stages.tracking.registry import create_tracker
from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.detections import Detections
from streamvision.core.frame import WallTime
from streamvision.dashcam.clip import Clip, PlacedClip
from streamvision.trip.clip_detections import ClipDetections, ClipDetectionsBuilder
from streamvision.trip.following import DriveClip, FollowedFrame, TrackCollector, follow

BEGIN_S = 1_780_000_000.0
FPS = 10.0


def passing(frame: int) -> Detections:
    """Return two signs that come nearer, the second class 1 and after 3 s."""
    boxes = [[100 + 2 * frame, 50, 130 + 3 * frame, 80 + frame], [10, 20, 40, 50]]
    rows = slice(0, 2 if frame >= 30 else 1)
    return Detections(
        np.array(boxes, np.float32)[rows], np.array([0.9, 0.8], np.float32)[rows], np.array([0, 1], np.int32)[rows]
    )


def picture(frame: int) -> NDArray[np.int16]:
    """Return what is compared of a picture: another one on each frame."""
    return np.random.default_rng(frame).integers(0, 255, (ROWS, COLUMNS)).astype(np.int16)


def clip(name: str, first: int, frames: int, *, drop_s: float = 0.0, stride: int = 1) -> DriveClip:
    builder = ClipDetectionsBuilder()
    builder.picture_px = (640, 360)
    for number in range(frames):
        objects = passing(first + number) if number % stride == 0 else None
        builder.add(number, 3 + number / FPS, Glance(number / FPS, picture(first + number)), objects)
    found: ClipDetections = builder.finish(lost_s=0, note="")
    file = Clip(Path(f"/card/{name}"), None, "front", "normal", frames / FPS, None, BEGIN_S, None)
    placed = PlacedClip(file, WallTime(BEGIN_S + first / FPS, "gps"), drop_s=drop_s)
    return DriveClip(name, placed, name, lambda: found)


def followed(*clips: DriveClip) -> list[FollowedFrame]:
    tracker = create_tracker(TrackerConfig(memory_s=2.0), score=0.25)
    assert tracker is not None
    return list(follow(clips, tracker))


def test_a_cut_changes_no_identity_and_no_frame() -> None:
    uncut = followed(clip("a", 0, 60))
    cut = followed(clip("a", 0, 20), clip("b", 20, 25), clip("c", 45, 15))
    assert [frame.number for frame in cut] == list(range(60))
    assert [frame.detections.identities() for frame in cut] == [frame.detections.identities() for frame in uncut]
    assert [frame.taken.unix_s for frame in cut] == pytest.approx([frame.taken.unix_s for frame in uncut])
    assert [(cut[at].place.name, cut[at].place.frame) for at in (0, 19, 20, 44, 45)] == [
        ("a", 0), ("a", 19), ("b", 0), ("b", 24), ("c", 0)
    ]  # fmt: skip


def test_what_the_clip_before_shows_already_is_left_out() -> None:
    frames = followed(clip("a", 0, 20), clip("b", 15, 20, drop_s=0.5))
    assert [(frame.place.name, frame.place.frame) for frame in frames[18:22]] == [
        ("a", 18),
        ("a", 19),
        ("b", 5),
        ("b", 6),
    ]
    assert len(frames) == 35
    assert frames[20].pts_s == pytest.approx(2.0)


def test_pictures_tell_what_the_clocks_do_not_know() -> None:
    """The second clip repeats half a second, and its clock is half a second late."""
    later = clip("b", 15, 20)
    late = PlacedClip(later.placed.clip, WallTime(BEGIN_S + 2.0, "container"))
    frames = followed(clip("a", 0, 20), later._replace(placed=late))
    assert [(frame.place.name, frame.place.frame) for frame in frames[18:22]] == [
        ("a", 18), ("a", 19), ("b", 5), ("b", 6)
    ]  # fmt: skip
    assert [frame.pts_s for frame in frames] == pytest.approx([number / FPS for number in range(35)])


def test_a_clock_that_is_behind_loses_no_frame() -> None:
    later = clip("b", 20, 20)
    early = PlacedClip(later.placed.clip, WallTime(BEGIN_S + 1.7, "gps"))
    frames = followed(clip("a", 0, 20), later._replace(placed=early))
    assert len(frames) == 40
    times_s = [frame.taken.unix_s for frame in frames]
    assert times_s == sorted(set(times_s))


def test_an_identity_lives_through_a_second_that_was_not_recorded() -> None:
    frames = followed(clip("a", 0, 40), clip("b", 50, 20))
    assert frames[-1].detections.identities() == frames[39].detections.identities()


def test_frames_that_the_model_was_not_shown_have_objects_but_tell_nothing() -> None:
    frames = followed(clip("a", 0, 60, stride=3))
    assert [frame.shown for frame in frames[:4]] == [True, False, False, True]
    assert all(len(frame.detections) for frame in frames)
    assert all(frame.detections.attributes is None for frame in frames)
    collector = TrackCollector(("stop", "light"))
    for frame in frames:
        collector.add(frame)
    first, second = collector.tracks()
    assert (first.class_name, second.class_name) == ("stop", "light")
    assert len(first.score) == pytest.approx(20, abs=1)
    np.testing.assert_allclose(first.box_xyxy_px[-1], passing(57).box_xyxy_px[0])
    assert first.details["best"].file_frame == 57
    assert first.details["first_seen"].startswith("a:")
