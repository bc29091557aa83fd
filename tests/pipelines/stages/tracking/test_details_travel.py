"""What a model says of an object beyond its box goes on with the object's identity, whichever the tracker."""

import numpy as np
import pytest

from pipelines.stages.tracking import TRACKERS, create_tracker
from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.detections import Detections
from streamvision.core.masks import BoxMask

NAMES = TRACKERS.names()


def objects(step):
    """Return three objects that walk on, in another order on each frame, each with its number in all its details."""
    numbers = np.roll(np.arange(3), step)
    left = 100.0 * numbers + 2 * step
    boxes = np.stack([left, left * 0 + 50, left + 40, left * 0 + 120], axis=1).astype(np.float32)
    masks = np.empty(3, object)
    for row, number in enumerate(numbers.tolist()):
        masks[row] = BoxMask(int(left[row]), 50, np.ones((number + 1, 40), bool))
    points = np.repeat(numbers[:, None, None], 2, axis=2).astype(np.float32)
    return Detections(
        boxes,
        np.full(3, 0.9, np.float32),
        np.zeros(3, np.int32),
        mask=masks,
        keypoint_xy_px=points,
        keypoint_score=points[..., 0],
        obb_cxcywhr_px=np.concatenate([boxes, points[:, 0, :1]], axis=1),
    )


@pytest.mark.parametrize("name", NAMES)
def test_details_stay_with_their_object(name):
    tracker = create_tracker(TrackerConfig(name=name), score=0.25)
    number_of = {}
    for step in range(20):
        tracked = tracker.update(objects(step), pts_s=step / 25)
        for row, identity in enumerate(tracked.identities()):
            number = tracked.mask[row].bits.shape[0] - 1
            assert tracked.keypoint_xy_px[row, 0, 0] == tracked.keypoint_score[row, 0] == number
            assert tracked.obb_cxcywhr_px[row, 4] == number
            if identity is not None:
                assert number_of.setdefault(identity, number) == number
    assert sorted(number_of.values()) == [0, 1, 2]
