"""The life of a track, which all trackers share: birth, confirmation, memory, and what is reported.

A tracker is a subclass that says how detections are associated with tracks (:meth:`BoxTracker._associate`). What all
have in common:

- Every duration is in seconds of stream time, and the filter knows the length of each step, so that dropped frames are
  normal and not an exception.
- A new track has no identity until it is confirmed: soon where the network was sure, later where it never was.
- State lives in arrays over all tracks; nothing loops over tracks or detections.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.tracking.assignment import Pairing, Rows
from pipelines.stages.tracking.kalman import (
    BEHIND,
    BEHIND_S,
    POSITION,
    ROWS,
    BoxFilter,
    Float,
    cxcywh_from_xyxy,
    xyxy_from_cxcywh,
)
from streamvision.core.boxes import Overlap, overlapping
from streamvision.core.detections import Detections
from streamvision.core.picture import Picture

Mask = NDArray[np.bool_]

FARTHEST_PX = 1e30
"""A box with a coordinate beyond is dropped, as one with an infinite coordinate is."""

MAX_TRACKS = 4096
"""Most tracks kept at once, lost ones included; beyond it those unseen for longest are forgotten."""

DUPLICATE_IOU = 0.7
"""Overlap from which two detections are one object under two names, where classes do not count."""

BY_CHANCE = 0.5
"""Standard deviations of a mean by which detections are ahead of the filter easily."""

TRACK = np.dtype(
    [
        ("identity", np.int64),
        ("class_id", np.int32),
        ("confirmed", np.bool_),
        ("lost", np.bool_),
        ("hits", np.int64),
        ("begun_s", np.float64),
        ("sure_s", np.float64),
        ("seen_s", np.float64),
    ]
)
"""What is known of a track beside its motion: ``lost``, not seen on the newest frame; the times of its first detection
(``begun_s``), of the first that reached the score of new tracks (``sure_s``, else infinite) and of its newest
(``seen_s``); ``identity`` is 0 before ``confirmed``."""


class Measured(NamedTuple):
    """The usable detections of a frame, in the filter's terms."""

    detections: Detections
    """(N,) what was detected."""
    box_cxcywh_px: Float
    """(N, 4) float64 centre x, centre y, width and height of the boxes."""
    error_px: Float
    """(N, 1) standard deviation of these."""
    reportable: Mask
    """(N,) whether the score is high enough to report it without identity, and to begin a track."""


class BoxTracker(ABC):
    """A tracker of one stream; see :class:`pipelines.stages.tracking.registry.Tracker`.

    Args:
        memory_s: how long a confirmed track may go unseen, in seconds of stream time.
        class_agnostic: let a track continue in another class.
        report_score: detections of at least this score are returned even if they belong to no track.
        low_score: detections below are ignored, unless they are to be reported.
        new_track_score: score that proves an object, so that its track is confirmed ``confirm_s`` later.
        confirm_s: time from that score to confirmation.
        confirm_hits: detections that are needed for confirmation in any case.
        unsure_confirm_s: time from a track's first detection to confirmation where the score never got so high;
            until then it may not miss a single frame.
        smooth: report the filtered box of a track instead of the detected one.
        box_filter: noise model of the motion.
    """

    def __init__(
        self,
        *,
        memory_s: float = 1.0,
        class_agnostic: bool = False,
        report_score: float = 0.25,
        low_score: float = 0.1,
        new_track_score: float = 0.6,
        confirm_s: float = 0.045,
        confirm_hits: int = 2,
        unsure_confirm_s: float = 0.5,
        smooth: bool = True,
        box_filter: BoxFilter | None = None,
    ) -> None:
        self._memory_s = memory_s
        self._class_agnostic = class_agnostic
        self._own_scores = low_score, new_track_score
        self.set_report_score(report_score)
        self._confirm_s = confirm_s
        self._confirm_hits = confirm_hits
        self._unsure_confirm_s = unsure_confirm_s
        self._smooth = smooth
        self._filter = box_filter or BoxFilter()
        self._identities_given = 0
        self.reset()

    @property
    def low_score(self) -> float:
        """The lowest score that the tracker has use for."""
        return self._low_score

    def set_report_score(self, score: float) -> None:
        """Return detections of at least this score from the next frame on though they belong to no track."""
        low_score, new_track_score = self._own_scores
        self._report_score = score
        self._low_score = min(low_score, score)
        self._new_track_score = max(new_track_score, score)

    def reset(self) -> None:
        """Forget all tracks; their identities are never used again."""
        self._clock_s: float | None = None
        self._step_s = 0.0
        self._followed_s = 0.0
        self._clear()

    def _clear(self) -> None:
        self._tracks = np.empty(0, TRACK)
        self._state: Float = np.empty((ROWS, 0, 4))
        self._reported = Detections.empty()

    def update(self, detections: Detections, *, pts_s: float, picture: Picture | None = None) -> Detections:
        """Take the detections of the next frame and return those worth showing, with identities.

        A row is returned if its score reaches ``report_score`` or if it continues a confirmed track; the rows keep
        their order. The box of a detection that belongs to a track is the filtered one where ``smooth`` is set. Boxes
        that are not finite or have no area are dropped. On the first frame, and on the first after :meth:`reset`,
        detections that reach ``new_track_score`` are confirmed at once. A frame with the time of the one before is
        taken as the same instant; after a jump by more than ``memory_s``, forward or back, that was not followed by
        :meth:`carry` either, all tracks are gone.

        Raises:
            ValueError: when ``pts_s`` is not finite.
        """
        first = self._advance(pts_s)
        if picture is not None:
            self._follow_camera(picture)
        measured = self._measure(detections)
        pairing = Pairing(len(self._tracks), len(measured.detections))
        if len(self._tracks) and len(measured.detections):
            self._associate(measured, pairing)
        matched = (pairing.track_of >= 0).nonzero()[0]
        self._correct(measured, matched, pairing.track_of[matched], pts_s)
        if len(matched) < len(pairing.track_of):
            self._begin(measured, pairing.track_of, pts_s)
        self._confirm(pts_s, first=first)
        self._reported = self._report(measured, pairing.track_of)
        self._forget(pts_s)
        return self._reported

    def predict(self, *, pts_s: float, picture_px: tuple[int, int]) -> Detections:
        """Return the objects of the last frame where they should be at ``pts_s``; nothing is learnt from it.

        Those without an identity stay where they were seen.

        Raises:
            ValueError: when ``pts_s`` is not finite.
        """
        identity = self._reported.track_id
        if identity is None or self._clock_s is None:
            return self._reported
        self._followed_s = pts_s
        has_one = (~np.ma.getmaskarray(identity)).nonzero()[0]
        order = np.argsort(self._tracks["identity"])
        rows = order[np.searchsorted(self._tracks["identity"], identity.data[has_one], sorter=order)]
        state = self._state[:, rows].copy()
        self._filter.predict(state, max(pts_s - self._clock_s, 0.0))
        seen = self._reported.box_xyxy_px
        box = seen.copy()
        box[has_one] = xyxy_from_cxcywh(state[POSITION])
        shift = (box[:, :2] + box[:, 2:] - seen[:, :2] - seen[:, 2:]) / 2
        return self._reported.shifted(shift, picture_px=picture_px).with_columns(box_xyxy_px=box)

    def _advance(self, pts_s: float) -> bool:
        """Predict all tracks at ``pts_s``; return whether this is the first frame."""
        if not math.isfinite(pts_s):
            raise ValueError(f"pts_s must be a finite number of seconds, not {pts_s}")
        before_s, followed_s = self._clock_s, self._followed_s
        self._clock_s = self._followed_s = pts_s
        self._step_s = 0.0 if before_s is None else max(pts_s - before_s, 0.0)
        if before_s is None:
            return True
        if abs(pts_s - followed_s) > self._memory_s:
            self._clear()
        if len(self._tracks):
            self._filter.predict(self._state, self._step_s)
        return False

    def _follow_camera(self, picture: Picture) -> None:
        """Take the camera's own motion out of the predicted tracks; most trackers need no pictures."""

    def _continued(self, rows: Rows, measured: Measured, matched: Rows, pts_s: float) -> None:
        """Take note that the detections ``matched`` continue the tracks ``rows``, before the filter is corrected."""

    def _added(self, measured: Measured, born: Rows, pts_s: float) -> None:
        """Take note that the detections ``born`` have become new tracks, behind those that there were."""

    def _drop(self, kept: Mask) -> None:
        """Forget all tracks but those marked."""
        self._tracks = self._tracks.compress(kept)
        self._state = self._state.compress(kept, axis=1)

    def _measure(self, detections: Detections) -> Measured:
        """Return the detections that the tracker has use for, in the filter's terms."""
        left_top, right_bottom = detections.box_xyxy_px[:, :2], detections.box_xyxy_px[:, 2:]
        solid = right_bottom > left_top
        solid &= left_top > -FARTHEST_PX
        solid &= right_bottom < FARTHEST_PX
        sure_enough = detections.score >= self._low_score
        if np.count_nonzero(solid) < solid.size or np.count_nonzero(sure_enough) < len(sure_enough):
            detections = detections[sure_enough & solid.all(axis=1)]
        box = cxcywh_from_xyxy(detections.box_xyxy_px)
        error = self._filter.measurement_error_px(box, detections.score)
        return Measured(detections, box, error, detections.score >= self._report_score)

    @abstractmethod
    def _associate(self, measured: Measured, pairing: Pairing) -> None:
        """Settle which detection continues which track, by calls of :meth:`Pairing.settle`; ``pairing`` begins empty.

        Only called when there are both tracks and detections.
        """

    def _candidates(self, detections: Detections, track_xyxy_px: Float) -> Overlap:
        """Return the pairs of tracks and detections that overlap and may be of one class."""
        pairs = overlapping(track_xyxy_px, detections.box_xyxy_px)
        if self._class_agnostic:
            return pairs
        same = self._tracks["class_id"][pairs.row] == detections.class_id[pairs.column]
        return Overlap(pairs.row[same], pairs.column[same], pairs.iou[same])

    def _correct(self, measured: Measured, matched: Rows, rows: Rows, pts_s: float) -> None:
        """Correct the tracks ``rows`` by the detections ``matched``; the others are lost."""
        tracks, detections = self._tracks, measured.detections
        if len(matched):
            self._continued(rows, measured, matched, pts_s)
            box, error = measured.box_cxcywh_px.take(matched, axis=0), measured.error_px.take(matched, axis=0)
            self._filter.update(self._state, rows, box, error, step_s=self._step_s)
        tracks["lost"] = True
        tracks["lost"][rows] = False
        tracks["class_id"][rows] = detections.class_id[matched]
        sure = rows[detections.score[matched] >= self._new_track_score]
        tracks["sure_s"][sure] = np.minimum(tracks["sure_s"][sure], pts_s)
        tracks["seen_s"][rows] = pts_s
        tracks["hits"][rows] += 1

    def _begin(self, measured: Measured, track_of: Rows, pts_s: float) -> None:
        detections = measured.detections
        born = ((track_of < 0) & measured.reportable).nonzero()[0]
        if self._class_agnostic and len(born):
            born = born[~_duplicates(detections, born, known=track_of >= 0)]
        if not len(born):
            return
        tracks = np.zeros(len(born), TRACK)
        tracks["class_id"] = detections.class_id[born]
        tracks["sure_s"] = np.where(detections.score[born] >= self._new_track_score, pts_s, math.inf)
        tracks["hits"] = 1
        tracks["begun_s"] = tracks["seen_s"] = pts_s
        track_of[born] = np.arange(len(self._tracks), len(self._tracks) + len(born))
        self._tracks = np.concatenate([self._tracks, tracks], dtype=TRACK)  # else it looks for a common type
        self._state = np.concatenate([self._state, self._filter.start(measured.box_cxcywh_px[born])], axis=1)
        self._added(measured, born, pts_s)

    def _confirm(self, pts_s: float, *, first: bool) -> None:
        """Give an identity to each track that has earned one."""
        rows = (~self._tracks["confirmed"]).nonzero()[0]
        if not len(rows):
            return
        new = self._tracks.take(rows)
        due = (pts_s - new["sure_s"] >= self._confirm_s) | (pts_s - new["begun_s"] >= self._unsure_confirm_s)
        due &= new["hits"] >= self._confirm_hits
        if first:
            due |= new["sure_s"] == pts_s
        rows = rows[due]
        self._tracks["confirmed"][rows] = True
        self._tracks["identity"][rows] = self._identities_given + 1 + np.arange(len(rows))
        self._identities_given += len(rows)

    def _report(self, measured: Measured, track_of: Rows) -> Detections:
        detections = measured.detections
        owned = (track_of >= 0).nonzero()[0]
        rows = track_of[owned]
        box = detections.box_xyxy_px.astype(np.float32)
        if self._smooth:
            box[owned] = self._smoothed(
                rows, measured.box_cxcywh_px.take(owned, axis=0), measured.error_px.take(owned, axis=0)
            )
        identity = np.zeros(len(detections), np.int64)
        identity[owned] = self._tracks["identity"][rows]
        shown = measured.reportable | (identity > 0)
        if np.count_nonzero(shown) < len(shown):
            detections, box, identity = detections[shown], box[shown], identity[shown]
        return detections.with_columns(box_xyxy_px=box, track_id=np.ma.MaskedArray(identity, mask=identity == 0))

    def _smoothed(self, rows: Rows, box_cxcywh_px: Float, error_px: Float) -> Float:
        """Return the boxes to show of the tracks at ``rows``: filtered, and not behind what comes close.

        A filter that moves at a steady pace falls behind what grows ever faster, as a sign does that a car passes. So
        it is moved on by as much as it has lately been behind the detections, less what their errors easily make of a
        mean over so many, and stays within the error of the newest.
        """
        behind = self._state[BEHIND].take(rows, axis=0)
        by_chance = error_px * (BY_CHANCE * min(math.sqrt(self._step_s / (2 * BEHIND_S)), 1.0))
        behind -= np.minimum(np.maximum(behind, -by_chance), by_chance)
        behind += self._state[POSITION].take(rows, axis=0)
        filtered = np.maximum(behind, box_cxcywh_px - error_px)
        return xyxy_from_cxcywh(np.minimum(filtered, box_cxcywh_px + error_px))

    def _forget(self, pts_s: float) -> None:
        """Drop what was lost for too long, and unconfirmed tracks with their first miss."""
        tracks = self._tracks
        if not np.count_nonzero(tracks["lost"]) and len(tracks) <= MAX_TRACKS:
            return
        kept = ~tracks["lost"] | (tracks["confirmed"] & (pts_s - tracks["seen_s"] <= self._memory_s))
        if len(tracks) > MAX_TRACKS:
            kept[np.argsort(tracks["seen_s"], kind="stable")[:-MAX_TRACKS]] = False
        if np.count_nonzero(kept) < len(kept):
            self._drop(kept)


def _duplicates(detections: Detections, born: Rows, *, known: Mask) -> Mask:
    """Say which of the ``born`` rows repeat a known object, or a better row among themselves."""
    box = detections.box_xyxy_px
    other, index, iou = overlapping(box, box[born])
    row = born[index]
    better = (detections.score[other] > detections.score[row]) | (
        (detections.score[other] == detections.score[row]) & (other < row)
    )
    duplicate = np.zeros(len(born), np.bool_)
    duplicate[index[(iou > DUPLICATE_IOU) & (known[other] | better)]] = True
    return duplicate
