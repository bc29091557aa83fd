"""Rows stay together, and absence stays absent."""

from __future__ import annotations

import json

import numpy as np
import pytest

from streamvision.core.detections import Detections
from streamvision.core.masks import BoxMask


def three() -> Detections:
    return Detections(
        np.arange(12, dtype=np.float32).reshape(3, 4),
        np.array([0.9, 0.8, 0.7], np.float32),
        np.array([0, 1, 0], np.int32),
        np.ma.masked_array(np.array([7, 0, 9]), mask=[False, True, False]),
    )


def test_an_object_without_identity_is_none_and_json_null() -> None:
    objects = list(three().objects(("car", "bus")))
    assert [o["track_id"] for o in objects] == [7, None, 9]
    assert [o["class_name"] for o in objects] == ["car", "bus", "car"]
    assert '"track_id": null' in json.dumps(objects)


def test_without_a_tracker_nobody_has_an_identity() -> None:
    assert Detections(*(getattr(three(), f) for f in ("box_xyxy_px", "score", "class_id"))).identities() == [None] * 3


def test_choosing_rows_keeps_them_together() -> None:
    chosen = three()[np.array([2, 0])]
    assert chosen.identities() == [9, 7]
    assert chosen.score.tolist() == pytest.approx([0.7, 0.9])
    assert len(three()[np.array([False, True, False])]) == 1
    assert three()[1:].class_id.tolist() == [1, 0]


def test_counts_by_name_use_the_number_where_a_name_is_missing() -> None:
    assert three().count_by_name(("car",)) == {"car": 2, "1": 1}
    assert Detections.empty().count_by_name(("car",)) == {}


def test_arrays_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(N, 4\)"):
        Detections(np.zeros((2, 4), np.float32), np.zeros(3, np.float32), np.zeros(3, np.int32))
    with pytest.raises(ValueError, match="track_id"):
        Detections(
            np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32), np.ma.zeros(1, np.int64)
        )


def detailed() -> Detections:
    """Return two objects with everything that a model may say of them."""
    mask = np.empty(2, object)
    mask[:] = [BoxMask(10, 10, np.ones((20, 20), np.bool_)), BoxMask(50, 50, np.ones((20, 20), np.bool_))]
    box = np.array([[10, 10, 30, 30], [50, 50, 70, 70]], np.float32)
    return Detections(
        box,
        np.ones(2, np.float32),
        np.zeros(2, np.int32),
        track_id=np.ma.MaskedArray(np.array([4, 0]), mask=[False, True]),
        mask=mask,
        keypoint_xy_px=np.array([[[20, 20]], [[60, 60]]], np.float32),
        keypoint_score=np.ones((2, 1), np.float32),
        obb_cxcywhr_px=np.array([[20, 20, 20, 20, 0.5], [60, 60, 20, 20, 0]], np.float32),
    )


def test_shifting_takes_all_that_belongs_to_an_object_along() -> None:
    moved = detailed().shifted(np.array([[5, 0], [15, -5]]), picture_px=(80, 80))
    assert moved.box_xyxy_px.tolist() == [[15, 10, 35, 30], [65, 45, 85, 65]]
    assert moved.keypoint_xy_px is not None and moved.keypoint_xy_px.tolist() == [[[25, 20]], [[75, 55]]]
    assert moved.obb_cxcywhr_px is not None and moved.obb_cxcywhr_px[0].tolist() == [25, 20, 20, 20, 0.5]
    assert moved.mask is not None
    assert [(m.left_px, m.top_px, m.bits.shape) for m in moved.mask] == [(15, 10, (20, 20)), (65, 45, (20, 15))]


def test_masks_are_cut_at_every_edge_of_the_picture() -> None:
    mask = BoxMask(10, 10, np.ones((20, 30), np.bool_))
    assert mask.shifted(-15, -12, picture_px=(80, 80)).bits.shape == (18, 25)
    assert mask.shifted(0, 90, picture_px=(80, 80)).bits.shape == (0, 30)


def test_concatenated_rows_keep_what_both_have() -> None:
    both = Detections.concatenate([detailed(), detailed()])
    assert len(both) == 4 and both.identities() == [4, None, 4, None]
    assert both.mask is not None and both.mask[3].left_px == 50
    plain = Detections(np.zeros((1, 4), np.float32), np.ones(1, np.float32), np.zeros(1, np.int32))
    assert Detections.concatenate([detailed(), plain]).mask is None
