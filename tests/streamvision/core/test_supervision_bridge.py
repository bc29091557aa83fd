"""Objects reach the supervision library and come back the same, without copies and without invented identities."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from streamvision.core.detections import Detections
from streamvision.core.errors import MissingDependencyError
from streamvision.core.masks import BoxMask

sv = pytest.importorskip("supervision", reason="the package supervision is not installed")


def detections(*identities: int | None) -> Detections:
    count = len(identities)
    low = np.arange(2 * count, dtype=np.float32).reshape(count, 2) * 5
    mask = np.empty(count, np.object_)
    for index, (left, top) in enumerate(low.astype(int).tolist()):
        mask[index] = BoxMask(left, top, np.eye(10, dtype=np.bool_))
    return Detections(
        np.concatenate([low, low + 10], axis=1),
        np.linspace(0.9, 0.5, count, dtype=np.float32),
        np.arange(count, dtype=np.int32) % 2,
        np.ma.array([i or 0 for i in identities], np.int64, mask=[i is None for i in identities]),
        mask,
        keypoint_xy_px=np.ones((count, 3, 2), np.float32),
        keypoint_score=np.ones((count, 3), np.float32),
    )


def test_arrays_are_shared_in_both_directions() -> None:
    ours = detections(4, 7, 9)
    theirs = ours.to_supervision(names=("car", "bus"))
    assert np.shares_memory(theirs.xyxy, ours.box_xyxy_px)
    assert np.shares_memory(theirs.confidence, ours.score)
    assert np.shares_memory(theirs.tracker_id, ours.track_id)
    assert theirs.data["class_name"].tolist() == ["car", "bus", "car"]
    back = Detections.from_supervision(theirs)
    assert np.shares_memory(back.box_xyxy_px, ours.box_xyxy_px)
    assert np.shares_memory(back.keypoint_xy_px, ours.keypoint_xy_px)
    assert back.identities() == [4, 7, 9]


def test_masks_survive_the_round_trip() -> None:
    ours = detections(1, 2)
    theirs = ours.to_supervision(picture_px=(60, 40))
    assert theirs.mask.shape == (2, 40, 60)
    assert theirs.mask.sum(axis=(1, 2)).tolist() == [10, 10]
    back = Detections.from_supervision(theirs)
    assert back.mask is not None and ours.mask is not None
    for one, other in zip(ours.mask, back.mask, strict=True):
        assert (one.left_px, one.top_px) == (other.left_px, other.top_px)
        assert np.array_equal(one.bits, other.bits)
        assert np.shares_memory(other.bits, theirs.mask)


def test_objects_without_identity_are_left_out_of_what_is_tracked() -> None:
    theirs = detections(4, None, None).to_supervision()
    assert theirs.tracker_id.tolist() == [4]
    assert len(theirs) == 1


def test_objects_without_identity_can_be_kept_and_are_never_given_one() -> None:
    ours = detections(4, None, 9)
    theirs = ours.to_supervision(unconfirmed=True)
    assert len(theirs) == 3
    assert theirs.tracker_id is None
    assert Detections.from_supervision(theirs).identities() == [4, None, 9]


def test_untracked_objects_stay_untracked() -> None:
    found = Detections(np.zeros((1, 4), np.float32), np.ones(1, np.float32), np.zeros(1, np.int32))
    assert found.to_supervision().tracker_id is None
    assert Detections.from_supervision(found.to_supervision()).track_id is None


def test_what_supervision_does_not_say_is_filled_in() -> None:
    back = Detections.from_supervision(sv.Detections(xyxy=np.array([[1.0, 2, 3, 4]])))
    assert back.score.tolist() == [1.0]
    assert back.class_id.tolist() == [0]
    assert back.box_xyxy_px.dtype == np.float32
    assert len(Detections.from_supervision(sv.Detections.empty())) == 0


def test_no_object_is_no_object() -> None:
    assert len(Detections.empty().to_supervision(names=("car",), picture_px=(10, 10))) == 0


def test_supervisions_own_counter_counts_them() -> None:
    line = sv.LineZone(sv.Point(0, 50), sv.Point(200, 50), triggering_anchors=[sv.Position.CENTER])
    for top in (10.0, 30.0, 60.0, 80.0):
        box = np.array([[20, top, 40, top + 10], [90, top, 110, top + 10]], np.float32)
        tracked = np.ma.array([3, 0], np.int64, mask=[False, True])
        line.trigger(Detections(box, np.ones(2, np.float32), np.zeros(2, np.int32), tracked).to_supervision())
    assert line.in_count + line.out_count == 1


def test_its_absence_is_said_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'streamvision-edge\[supervision\]'"):
        detections(1).to_supervision()
