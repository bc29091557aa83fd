"""Rows stay together, and absence stays absent."""

from __future__ import annotations

import json

import numpy as np
import pytest

from streamvision.detections import Detections


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
