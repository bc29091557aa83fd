"""What users of the tracker depend on."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.tracking import ByteTrack
from streamvision.detections import Detections


def found(*boxes: tuple[float, float, float, float], score: float = 0.9, class_id: int = 0) -> Detections:
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(count, 4),
        np.full(count, score, np.float32),
        np.full(count, class_id, np.int32),
    )


def test_one_object_keeps_its_identity() -> None:
    tracker = ByteTrack()
    seen = [tracker.update(found((10 + 4 * i, 20, 60 + 4 * i, 140)), pts_s=i / 30).identities() for i in range(60)]
    assert seen == [[1]] * 60


def test_unconfirmed_has_no_identity() -> None:
    tracker = ByteTrack()
    tracker.update(Detections.empty(), pts_s=0.0)
    assert tracker.update(found((10, 20, 60, 140)), pts_s=1 / 30).identities() == [None]


@pytest.mark.parametrize("pts_s", [float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused(pts_s: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        ByteTrack().update(Detections.empty(), pts_s=pts_s)
