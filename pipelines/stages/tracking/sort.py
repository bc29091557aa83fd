"""SORT: the simplest that works, and a measure for the others.

After Bewley et al., *Simple Online and Realtime Tracking*, ICIP 2016 (https://arxiv.org/abs/1602.00763): a filter with
constant velocity, one association by overlap. Its code forgets a track with the first frame that misses it; here the
memory is in seconds as for all trackers, and can be set to nearly nothing.
"""

from __future__ import annotations

from typing import Any

from pipelines.stages.tracking.assignment import Pairing
from pipelines.stages.tracking.kalman import POSITION, xyxy_from_cxcywh
from pipelines.stages.tracking.lifecycle import BoxTracker
from streamvision.core.detections import Detections


class Sort(BoxTracker):
    """Tracker of one stream; see :class:`pipelines.stages.tracking.base.Tracker`.

    Args:
        match: least IoU of a track and a detection.
        life: of tracks in general; see :class:`pipelines.stages.tracking.lifecycle.BoxTracker`.
    """

    def __init__(self, *, match: float = 0.3, **life: Any) -> None:
        super().__init__(**{"new_track_score": 0.0, "confirm_s": 0.0, "confirm_hits": 3, **life})
        self._match = match

    def _associate(self, detections: Detections, pairing: Pairing) -> None:
        track, detection, iou = self._candidates(detections, xyxy_from_cxcywh(self._state[POSITION]))
        sure = detections.score[detection] >= self._report_score
        pairing.settle(track[sure], detection[sure], iou[sure], at_least=self._match)
