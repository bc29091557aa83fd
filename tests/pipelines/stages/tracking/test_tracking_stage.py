"""What the stage makes of a tracker's boxes."""

from __future__ import annotations

import numpy as np

from pipelines.stages.tracking import create_tracker
from pipelines.stages.tracking.stage import Tracking
from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.inference_plan import PREDICTED
from streamvision.core.picture import BgrPicture

FPS, SIDE_PX = 10, 200
PICTURE = BgrPicture(np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8))


def leaving(index: int) -> Detections:
    """Return somebody who walks out on the right, cut at the edge as the network's boxes are."""
    box = np.array([[8 * index, 50, 8 * index + 60, 150]], np.float32).clip(0, SIDE_PX)
    return Detections(box, np.full(1, 0.9, np.float32), np.zeros(1, np.int32))


def test_boxes_that_are_predicted_end_at_the_edges_of_the_picture() -> None:
    tracker = create_tracker(TrackerConfig(), score=0.25)
    assert tracker is not None
    stage = Tracking(tracker, ("person",))
    for index in range(18):
        seen = Result(Frame("gate", index, index / FPS, 0.0, PICTURE), leaving(index))
        stage.process(seen)
    frame = Frame("gate", 18, 20 / FPS, 0.0, PICTURE)
    by_itself = tracker.predict(pts_s=frame.pts_s, picture_px=(SIDE_PX, SIDE_PX))
    assert by_itself.box_xyxy_px[0, 2] > SIDE_PX + 1
    result = Result(frame, Detections.empty(), plan=PREDICTED)
    stage.process(result)
    assert result.detections.box_xyxy_px[0, 2] == SIDE_PX
    np.testing.assert_array_equal(result.detections.box_xyxy_px[:, :2], by_itself.box_xyxy_px[:, :2])
    assert result.detections.identities() == by_itself.identities() == seen.detections.identities() == [1]
