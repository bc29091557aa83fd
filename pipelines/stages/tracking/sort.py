"""SORT and OC-SORT: one association by overlap, and what makes up for its weakness when objects are hidden.

- SORT: Bewley et al., *Simple Online and Realtime Tracking*, ICIP 2016 (https://arxiv.org/abs/1602.00763): a filter
  with constant velocity. Its code forgets a track with the first frame that misses it; here the memory is in seconds as
  for all trackers, and can be set to nearly nothing.
- OC-SORT: Cao et al., *Observation-Centric SORT: Rethinking SORT for Robust Multi-Object Tracking*, CVPR 2023
  (https://arxiv.org/abs/2203.14360), sections 4.1 to 4.3: observation-centric momentum (a pair gains if the detection
  lies where the track was heading), re-update (a track that is found again is filtered anew along the straight line
  over the gap) and recovery (what is left is tried against the last boxes that were really seen).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.stages.tracking.assignment import Pairing, Rows
from pipelines.stages.tracking.kalman import POSITION, ROWS, Float, xyxy_from_cxcywh
from pipelines.stages.tracking.lifecycle import BoxTracker, Mask, Measured
from streamvision.core.detections import Detections

HEADING_S = 0.1
"""How far back the heading reaches: three frames at 30 fps, as in the paper."""
HISTORY = 4
"""Observations that are kept of each track to look back on."""
MAX_STEPS = 60
"""Most virtual steps over a gap."""


class Sort(BoxTracker):
    """SORT.

    Args:
        match: least IoU of a track and a detection.
        life: of tracks in general; see :class:`pipelines.stages.tracking.lifecycle.BoxTracker`.
    """

    def __init__(self, *, match: float = 0.3, **life: Any) -> None:
        super().__init__(**{"new_track_score": 0.0, "confirm_s": 0.0, "confirm_hits": 3, **life})
        self._match = match

    def _associate(self, measured: Measured, pairing: Pairing) -> None:
        detections = measured.detections
        track, detection, iou = self._candidates(detections, xyxy_from_cxcywh(self._state[POSITION]))
        sure = detections.score[detection] >= self._report_score
        pairing.settle(track[sure], detection[sure], iou[sure], at_least=self._match)


class OcSort(BoxTracker):
    """OC-SORT.

    Args:
        match: least IoU of a track and a detection.
        momentum: weight of the heading against the overlap.
        life: of tracks in general; see :class:`pipelines.stages.tracking.lifecycle.BoxTracker`.
    """

    def __init__(self, *, match: float = 0.3, momentum: float = 0.2, **life: Any) -> None:
        self._match = match
        self._momentum = momentum
        self._mean_step_s = 0.0
        super().__init__(**{"new_track_score": 0.6, "confirm_s": 0.0, "confirm_hits": 3, "smooth": False, **life})

    def _clear(self) -> None:
        super()._clear()
        self._seen_box: Float = np.empty((0, 4))
        self._seen_state: Float = np.empty((ROWS, 0, 4))
        self._history: Float = np.empty((0, HISTORY, 3))

    def _associate(self, measured: Measured, pairing: Pairing) -> None:
        detections = measured.detections
        track, detection, iou = self._candidates(detections, xyxy_from_cxcywh(self._state[POSITION]))
        sure = detections.score[detection] >= self._report_score
        track, detection, iou = track[sure], detection[sure], iou[sure]
        near = iou >= self._match
        track, detection, iou = track[near], detection[near], iou[near]
        gain = iou + self._momentum * self._agreement(detections, track, detection)
        pairing.settle(track, detection, gain, at_least=0.0)
        track, detection, iou = self._candidates(detections, xyxy_from_cxcywh(self._seen_box))
        sure = detections.score[detection] >= self._report_score
        pairing.settle(track[sure], detection[sure], iou[sure], at_least=self._match)

    def _agreement(self, detections: Detections, track: Rows, detection: Rows) -> Float:
        """Return (P,) how well the way to the detection agrees with the track's heading, times the score, 0..1."""
        box = detections.box_xyxy_px[detection].astype(np.float64)
        way = (box[:, :2] + box[:, 2:]) / 2 - self._seen_box[track, :2]
        heading = self._seen_box[:, :2] - self._looking_back()
        heading = heading[track]
        length = np.linalg.norm(way, axis=1) * np.linalg.norm(heading, axis=1)
        cosine = np.divide((way * heading).sum(axis=1), length, out=np.zeros(len(way)), where=length > 0)
        angle = np.arccos(np.clip(cosine, -1, 1))
        return np.asarray((1 - angle / np.pi) * detections.score[detection])

    def _looking_back(self) -> Float:
        """Return (T, 2) where each track was seen ``HEADING_S`` before its newest observation, or first."""
        age_s = self._history[:, -1:, 2] - self._history[:, :, 2]
        return self._history[np.arange(len(age_s)), np.abs(age_s - HEADING_S).argmin(axis=1), :2]

    def _continued(self, rows: Rows, measured: Measured, matched: Rows, pts_s: float) -> None:
        box = measured.box_cxcywh_px[matched]
        self._refilter(rows, box, pts_s)
        self._seen_box[rows] = box
        history = np.roll(self._history[rows], -1, axis=1)
        history[:, -1, :2], history[:, -1, 2] = box[:, :2], pts_s
        self._history[rows] = history

    def _correct(self, measured: Measured, matched: Rows, rows: Rows, pts_s: float) -> None:
        super()._correct(measured, matched, rows, pts_s)
        self._seen_state[:, rows] = self._state[:, rows]

    def _refilter(self, rows: Rows, box_cxcywh_px: Float, pts_s: float) -> None:
        """Lead the filter of tracks that were lost along the straight line from where they were seen to where they are.

        Afterwards it stands before the new observation, as after a prediction.
        """
        found = self._tracks["lost"][rows]
        if not np.count_nonzero(found):
            return
        rows, end = rows[found], box_cxcywh_px[found]
        begin = self._seen_box[rows]
        gap_s = (pts_s - self._tracks["seen_s"][rows])[:, None]
        steps = np.clip(np.rint(gap_s / max(self._mean_step_s, 1e-3)), 1, MAX_STEPS)
        state = self._seen_state[:, rows].copy()
        for step in range(1, int(steps.max()) + 1):
            on_the_way = (step < steps)[:, 0].nonzero()[0]
            self._filter.predict(state, np.where(step <= steps, gap_s / steps, 0.0))
            virtual = begin + (end - begin) * (step / steps)
            measured = virtual[on_the_way]
            error_px = self._filter.measurement_error_px(measured, np.ones(len(measured)))
            self._filter.update(state, on_the_way, measured, error_px)
        self._state[:, rows] = state

    def _advance(self, pts_s: float) -> bool:
        first = super()._advance(pts_s)
        if self._step_s > 0:
            mean_s = self._mean_step_s
            self._mean_step_s = self._step_s if mean_s == 0 else 0.9 * mean_s + 0.1 * self._step_s
        return first

    def _added(self, measured: Measured, born: Rows, pts_s: float) -> None:
        box = measured.box_cxcywh_px[born]
        history = np.empty((len(born), HISTORY, 3))
        history[:, :, :2], history[:, :, 2] = box[:, None, :2], pts_s
        self._history = np.concatenate([self._history, history])
        self._seen_box = np.concatenate([self._seen_box, box])
        added = self._state[:, len(self._seen_state[0]) :]
        self._seen_state = np.concatenate([self._seen_state, added], axis=1)

    def _drop(self, kept: Mask) -> None:
        super()._drop(kept)
        self._history, self._seen_box = self._history[kept], self._seen_box[kept]
        self._seen_state = self._seen_state[:, kept]
