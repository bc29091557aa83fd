"""HOTA, CLEAR MOT and identity measures of sequences, as counts that add up over sequences.

- HOTA: Luiten et al., *HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking*, IJCV 2021.
- MOTA: Bernardin and Stiefelhagen, *Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics*, 2008.
- IDF1: Ristani et al., *Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking*, ECCV-W 2016.

Where a definition leaves a choice, the one of TrackEval (https://github.com/JonathonLuiten/TrackEval), the reference
of MOTChallenge, is taken; the figures are equal to its to rounding. It is not used itself, since it needs a second
OpenCV (opencv-python beside the headless one); nor is the evaluation of Roboflow's trackers, which needs that, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from streamvision.core.boxes import overlaps
from streamvision.evaluation.tracks.benchmarks import Rules
from streamvision.evaluation.tracks.mot_files import (
    CLASS,
    F64,
    IDENTITY,
    MotSequence,
    corners,
    rows_by_frame,
)

Ids = NDArray[np.intp]

EPSILON = float(np.finfo(np.float64).eps)
SAME_OBJECT_IOU = 0.5
ALPHAS: F64 = np.arange(0.05, 0.99, 0.05)
"""Overlaps that HOTA asks for."""
CONTINUED = 1000.0
"""Weight of going on with the pair of the frame before, against an overlap of at most 1."""


@dataclass(frozen=True, eq=False)
class FrameMatch:
    """One frame of truth and result."""

    truth_id: Ids
    """(N,) identity of each true object, numbered from 0 within the sequence."""
    result_id: Ids
    """(M,) identity of each object of the result, numbered from 0 within the sequence."""
    iou: F64
    """(N, M) overlap."""


@dataclass(frozen=True, eq=False)
class SequenceMatch:
    """All frames of a sequence."""

    frames: tuple[FrameMatch, ...]
    """One for each frame."""
    truth_ids: int
    """How many different objects the truth has."""
    result_ids: int
    """How many different identities the result gives."""


def match_sequence(sequence: MotSequence, result: F64) -> SequenceMatch:
    """Compare a result with the truth, frame by frame."""
    truth_rows, result_rows = (rows_by_frame(table, sequence.number) for table in (sequence.truth, result))
    counted = sequence.counted
    kept = [
        _comparable(sequence.truth[truth], result[found], counted[truth], sequence.rules)
        for truth, found in zip(truth_rows, result_rows, strict=True)
    ]
    truth_ids, truth_number = _numbered([truth[:, IDENTITY] for truth, _, _ in kept])
    result_ids, result_number = _numbered([found[:, IDENTITY] for _, found, _ in kept])
    frames = tuple(
        FrameMatch(truth, found, iou)
        for truth, found, (_, _, iou) in zip(truth_number, result_number, kept, strict=True)
    )
    return SequenceMatch(frames, truth_ids, result_ids)


def best_pairs(gain: F64) -> tuple[Ids, Ids]:
    """Return the rows and columns of the one-to-one assignment with the largest sum."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(-gain)
    return rows, columns


def _comparable(truth: F64, found: F64, counted: NDArray[np.bool_], rules: Rules) -> tuple[F64, F64, F64]:
    iou = overlaps(corners(truth), corners(found))
    wanted = np.ones(len(found), np.bool_)
    if rules.has_classes and len(truth) and len(found):
        close = np.where(iou < SAME_OBJECT_IOU - EPSILON, 0, iou)
        rows, columns = best_pairs(close)
        real = close[rows, columns] > EPSILON
        rows, columns = rows[real], columns[real]
        wanted[columns[np.isin(truth[rows, CLASS], rules.distractors)]] = False
    return truth[counted], found[wanted], iou[counted][:, wanted]


def _numbered(ids: list[F64]) -> tuple[int, list[Ids]]:
    if not ids:
        return 0, []
    distinct, number = np.unique(np.concatenate(ids), return_inverse=True)
    return len(distinct), np.split(number.astype(np.intp), np.cumsum([len(one) for one in ids])[:-1])


@dataclass(frozen=True, eq=False)
class TrackCounts:
    """The counts of one sequence, or of several together."""

    hota_tp: F64
    """(19,) pairs that overlap enough, for each of :data:`ALPHAS`."""
    hota_fn: F64
    """(19,) true objects without a pair."""
    hota_fp: F64
    """(19,) results without a pair."""
    hota_association: F64
    """(19,) sum over the pairs of how well their two identities agree."""
    tp: float
    """CLEAR: pairs at an overlap of 0.5."""
    fn: float
    """CLEAR: true objects without a pair."""
    fp: float
    """CLEAR: results without a pair."""
    switches: float
    """CLEAR: pairs whose true object was last paired with another identity."""
    identity_tp: float
    """Pairs under the best one-to-one assignment of identities to objects."""
    identity_fn: float
    """True objects outside of it."""
    identity_fp: float
    """Results outside of it."""

    def det_a(self) -> F64:
        """Return (19,) how well objects are found, 0..1, for each of :data:`ALPHAS`."""
        return self.hota_tp / np.maximum(1, self.hota_tp + self.hota_fn + self.hota_fp)

    def ass_a(self) -> F64:
        """Return (19,) how well identities are kept, 0..1, for each of :data:`ALPHAS`."""
        return self.hota_association / np.maximum(1, self.hota_tp)

    def hota(self) -> F64:
        """Return (19,) HOTA, 0..1, for each of :data:`ALPHAS`."""
        return np.sqrt(self.det_a() * self.ass_a())

    def figures(self) -> dict[str, float]:
        """Return HOTA, DetA, AssA, MOTA and IDF1 in percent, and the number of identity switches."""
        identity = self.identity_tp + (self.identity_fp + self.identity_fn) / 2
        return {
            "HOTA": 100 * float(self.hota().mean()),
            "DetA": 100 * float(self.det_a().mean()),
            "AssA": 100 * float(self.ass_a().mean()),
            "MOTA": 100 * (self.tp - self.fp - self.switches) / max(1.0, self.tp + self.fn),
            "IDF1": 100 * self.identity_tp / max(1.0, identity),
            "IDSW": self.switches,
        }


def add_counts(counts: Iterable[TrackCounts]) -> TrackCounts:
    """Return the counts of several sequences together."""
    many = list(counts)
    return TrackCounts(**{f.name: sum(getattr(one, f.name) for one in many) for f in fields(TrackCounts)})


def count(match: SequenceMatch) -> TrackCounts:
    """Return the counts of one sequence."""
    tp, fn, fp, association = _hota(match)
    return TrackCounts(tp, fn, fp, association, *_clear(match), *_identity(match))


def _hota(match: SequenceMatch) -> tuple[F64, F64, F64, F64]:
    shape = match.truth_ids, match.result_ids
    together, truth_count, result_count = np.zeros(shape), np.zeros((shape[0], 1)), np.zeros((1, shape[1]))
    for frame in match.frames:
        pairs = np.ix_(frame.truth_id, frame.result_id)
        rivals = frame.iou.sum(axis=0)[None] + frame.iou.sum(axis=1)[:, None] - frame.iou
        share = np.zeros_like(frame.iou)
        np.divide(frame.iou, rivals, out=share, where=rivals > EPSILON)
        together[pairs] += share
        truth_count[frame.truth_id, 0] += 1
        result_count[0, frame.result_id] += 1
    alignment = together / np.maximum(truth_count + result_count - together, EPSILON)
    tp, fn, fp = (np.zeros(len(ALPHAS)) for _ in range(3))
    matched = np.zeros((len(ALPHAS), *shape), np.int32)
    for frame in match.frames:
        if not frame.iou.size:
            fn += len(frame.truth_id)
            fp += len(frame.result_id)
            continue
        rows, columns = best_pairs(alignment[np.ix_(frame.truth_id, frame.result_id)] * frame.iou)
        enough = frame.iou[rows, columns] >= ALPHAS[:, None] - EPSILON
        found = enough.sum(axis=1)
        tp += found
        fn += len(frame.truth_id) - found
        fp += len(frame.result_id) - found
        matched[:, frame.truth_id[rows], frame.result_id[columns]] += enough
    association = np.array(
        [(one * (one / np.maximum(1, truth_count + result_count - one))).sum() for one in matched], np.float64
    )
    return tp, fn, fp, association


def _clear(match: SequenceMatch) -> tuple[float, float, float, float]:
    tp = fn = fp = switches = 0
    last = np.full(match.truth_ids, -1, np.intp)
    before = np.full(match.truth_ids, -1, np.intp)
    for frame in match.frames:
        if not frame.iou.size:
            fn += len(frame.truth_id)
            fp += len(frame.result_id)
            continue
        gain = CONTINUED * (frame.result_id[None] == before[frame.truth_id][:, None]) + frame.iou
        gain[frame.iou < SAME_OBJECT_IOU - EPSILON] = 0
        rows, columns = best_pairs(gain)
        real = gain[rows, columns] > EPSILON
        truth, result = frame.truth_id[rows[real]], frame.result_id[columns[real]]
        switches += int(np.count_nonzero((last[truth] >= 0) & (last[truth] != result)))
        last[truth] = result
        before[:] = -1
        before[truth] = result
        tp += len(truth)
        fn += len(frame.truth_id) - len(truth)
        fp += len(frame.result_id) - len(truth)
    return float(tp), float(fn), float(fp), float(switches)


def _identity(match: SequenceMatch) -> tuple[float, float, float]:
    together = np.zeros((match.truth_ids, match.result_ids))
    truths = results = 0
    for frame in match.frames:
        rows, columns = np.nonzero(frame.iou >= SAME_OBJECT_IOU)
        together[frame.truth_id[rows], frame.result_id[columns]] += 1
        truths += len(frame.truth_id)
        results += len(frame.result_id)
    # Pairs that share no frame add nothing, so the most frames together is the least errors.
    paired = float(together[best_pairs(together)].sum())
    return paired, truths - paired, results - paired
