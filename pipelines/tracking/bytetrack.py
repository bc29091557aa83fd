"""A time-aware, vectorised ByteTrack.

After Zhang et al., *ByteTrack: Multi-Object Tracking by Associating Every Detection Box*, ECCV 2022
(https://arxiv.org/abs/2110.06864), algorithm 1: strong detections are associated first, with tracked and lost tracks;
weak ones then continue what is still unmatched, since an occluded object is found with a low score rather than not at
all. What differs: every duration is in seconds of stream time, the filter knows the length of each step, and a new
track has no identity until it is confirmed.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import count

import numpy as np
from numpy.typing import NDArray

from pipelines.tracking.assignment import Rows, assign, iou_matrix
from pipelines.tracking.kalman import POSITION, BoxFilter, Float, cxcywh_from_xyxy, xyxy_from_cxcywh
from streamvision.detections import Detections

MAX_TRACKS = 4096
"""Most tracks kept at once, lost ones included; beyond it those unseen for longest are forgotten."""

TRACK = np.dtype(
    [
        ("identity", np.int64),
        ("class_id", np.int32),
        ("confirmed", np.bool_),
        ("lost", np.bool_),
        ("hits", np.int64),
        ("begun_s", np.float64),
        ("seen_s", np.float64),
    ]
)


class ByteTrack:
    """Tracker of one stream; see :class:`pipelines.tracking.base.Tracker`."""

    def __init__(
        self,
        *,
        memory_s: float = 1.0,
        class_agnostic: bool = False,
        report_score: float = 0.25,
        high_score: float = 0.5,
        low_score: float = 0.1,
        new_track_score: float = 0.6,
        high_match: float = 0.2,
        low_match: float = 0.5,
        new_match: float = 0.3,
        confirm_hits: int = 2,
        confirm_s: float = 0.05,
        box_filter: BoxFilter | None = None,
    ) -> None:
        """Prepare for one stream.

        Args:
            memory_s: how long a confirmed track may go unseen, in seconds of stream time.
            class_agnostic: let a track continue in another class.
            report_score: detections of at least this score are returned even if they belong to no track.
            high_score: lowest score of the first association.
            low_score: lowest score of the second association; less is not looked at.
            new_track_score: lowest score that begins a track.
            high_match: least overlap of the first association, IoU times score.
            low_match: least overlap of the second association, IoU.
            new_match: least overlap for continuing an unconfirmed track, IoU times score.
            confirm_hits: detections in a row that confirm a track.
            confirm_s: time since its first detection that confirms it; both are needed.
            box_filter: noise model of the motion.
        """
        self._memory_s = memory_s
        self._class_agnostic = class_agnostic
        self._report_score = report_score
        self._high_score = high_score
        self._low_score = low_score
        self._new_track_score = new_track_score
        self._high_match = high_match
        self._low_match = low_match
        self._new_match = new_match
        self._confirm_hits = confirm_hits
        self._confirm_s = confirm_s
        self._filter = box_filter or BoxFilter()
        self._identities = count(1)
        self.reset()

    @property
    def low_score(self) -> float:
        """The lowest score that the tracker has use for."""
        return self._low_score

    def __len__(self) -> int:
        """Return how many tracks are kept, lost and unconfirmed ones included."""
        return len(self._tracks)

    def reset(self) -> None:
        """Forget all tracks; their identities are never used again."""
        self._clock_s: float | None = None
        self._tracks = np.empty(0, TRACK)
        self._state: Float = np.empty((5, 0, 4))

    def update(self, detections: Detections, *, pts_s: float) -> Detections:
        """Take the detections of the next frame and return those worth showing, with identities.

        A row is returned if its score reaches ``report_score`` or if it continues a confirmed track; the rows keep
        their order. The box of a detection that belongs to a track is the filtered one. Boxes that are not finite or
        have no area are dropped. A frame with the time of the one before is taken as the same instant; after a jump
        by more than ``memory_s``, forward or back, nothing is known any more.

        Raises:
            ValueError: when ``pts_s`` is not finite.
        """
        first = self._advance(pts_s)
        detections = detections[self._usable(detections)]
        box = cxcywh_from_xyxy(detections.box_xyxy_px)
        track_of = self._associate(detections, box)
        matched = track_of >= 0
        self._correct(track_of[matched], box[matched], detections.class_id[matched], pts_s)
        born = np.flatnonzero(~matched & (detections.score >= self._new_track_score))
        track_of[born] = len(self._tracks) + np.arange(len(born))
        self._begin(box[born], detections.class_id[born], pts_s, confirmed=first)
        result = self._report(detections, track_of)
        self._forget(pts_s)
        return result

    def _advance(self, pts_s: float) -> bool:
        """Predict all tracks at ``pts_s``; return whether this is the first frame since nothing was known."""
        if not math.isfinite(pts_s):
            raise ValueError(f"pts_s must be a finite number of seconds, not {pts_s}")
        if self._clock_s is not None and abs(pts_s - self._clock_s) > self._memory_s:
            self.reset()
        first = self._clock_s is None
        dt_s = 0.0 if self._clock_s is None else max(pts_s - self._clock_s, 0.0)
        self._clock_s = pts_s
        self._filter.predict(self._state, dt_s)
        return first

    def _usable(self, detections: Detections) -> NDArray[np.bool_]:
        box = detections.box_xyxy_px
        solid = np.isfinite(box).all(axis=1) & (box[:, 2:] > box[:, :2]).all(axis=1)
        usable: NDArray[np.bool_] = solid & (detections.score >= self._low_score)
        return usable

    def _associate(self, detections: Detections, box_cxcywh_px: Float) -> Rows:
        """Return each detection's track, -1 for none: algorithm 1 of the paper."""
        track_of = np.full(len(detections), -1, np.intp)
        if not len(detections) or not len(self._tracks):
            return track_of
        overlap = iou_matrix(xyxy_from_cxcywh(self._state[POSITION]), xyxy_from_cxcywh(box_cxcywh_px))
        if not self._class_agnostic:
            overlap[self._tracks["class_id"][:, None] != detections.class_id] = 0
        high = detections.score >= self._high_score
        confirmed = self._tracks["confirmed"]
        free = confirmed.copy()

        def match(tracks: NDArray[np.bool_], columns: NDArray[np.bool_], *, fuse: bool, at_least: float) -> None:
            rows, chosen = np.flatnonzero(tracks), np.flatnonzero(columns)
            if not len(rows) or not len(chosen):
                return
            similarity = overlap[np.ix_(rows, chosen)]
            if fuse:
                similarity = similarity * detections.score[chosen]
            track, detection = assign(similarity, at_least=at_least)
            track_of[chosen[detection]] = rows[track]
            free[rows[track]] = False

        match(confirmed, high, fuse=True, at_least=self._high_match)
        match(free & ~self._tracks["lost"], ~high, fuse=False, at_least=self._low_match)
        match(~confirmed, high & (track_of < 0), fuse=True, at_least=self._new_match)
        return track_of

    def _correct(self, rows: Rows, box_cxcywh_px: Float, class_id: NDArray[np.int32], pts_s: float) -> None:
        self._filter.update(self._state, rows, box_cxcywh_px)
        tracks = self._tracks
        tracks["lost"] = True
        tracks["lost"][rows] = False
        tracks["class_id"][rows] = class_id
        tracks["seen_s"][rows] = pts_s
        tracks["hits"][rows] += 1
        due = (
            ~tracks["confirmed"]
            & (tracks["hits"] >= self._confirm_hits)
            & (tracks["seen_s"] - tracks["begun_s"] >= self._confirm_s)
        )
        self._confirm(tracks, due)

    def _confirm(self, tracks: NDArray[np.void], due: NDArray[np.bool_]) -> None:
        number = int(np.count_nonzero(due))
        if number:
            tracks["confirmed"][due] = True
            tracks["identity"][due] = [next(self._identities) for _ in range(number)]

    def _begin(self, box_cxcywh_px: Float, class_id: NDArray[np.int32], pts_s: float, *, confirmed: bool) -> None:
        if not len(class_id):
            return
        tracks = np.zeros(len(class_id), TRACK)
        tracks["class_id"] = class_id
        tracks["hits"] = 1
        tracks["begun_s"] = tracks["seen_s"] = pts_s
        if confirmed:
            self._confirm(tracks, np.ones(len(tracks), np.bool_))
        self._tracks = np.concatenate([self._tracks, tracks])
        self._state = np.concatenate([self._state, self._filter.start(box_cxcywh_px)], axis=1)

    def _report(self, detections: Detections, track_of: Rows) -> Detections:
        owned = np.flatnonzero(track_of >= 0)
        rows = track_of[owned]
        box = detections.box_xyxy_px.astype(np.float32)
        box[owned] = xyxy_from_cxcywh(self._state[POSITION][rows])
        identity = np.zeros(len(detections), np.int64)
        identity[owned] = self._tracks["identity"][rows]
        confirmed = np.zeros(len(detections), np.bool_)
        confirmed[owned] = self._tracks["confirmed"][rows]
        shown = confirmed | (detections.score >= self._report_score)
        return replace(detections, box_xyxy_px=box, track_id=np.ma.MaskedArray(identity, mask=~confirmed))[shown]

    def _forget(self, pts_s: float) -> None:
        """Drop what was lost for too long, and unconfirmed tracks with their first miss."""
        tracks = self._tracks
        kept = ~tracks["lost"] | (tracks["confirmed"] & (pts_s - tracks["seen_s"] <= self._memory_s))
        if np.count_nonzero(kept) > MAX_TRACKS:
            kept[np.argsort(tracks["seen_s"], kind="stable")[:-MAX_TRACKS]] = False
        if not kept.all():
            self._tracks = tracks[kept]
            self._state = self._state[:, kept]
