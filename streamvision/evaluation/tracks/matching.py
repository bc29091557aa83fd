"""What the measures of tracking agree on: which objects of a frame are compared, and how much they overlap.

The rules are those of TrackEval (https://github.com/JonathonLuiten/TrackEval), the reference of MOTChallenge: people
that the truth marks as not to be counted are left out, and so are results that lie on a distractor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamvision.evaluation.tracks.mot_files import (
    BOX,
    CLASS,
    F64,
    IDENTITY,
    PEDESTRIAN,
    SCORE,
    MotSequence,
    rows_by_frame,
)

Ids = NDArray[np.intp]

EPSILON = float(np.finfo(np.float64).eps)
DISTRACTORS = (2, 7, 8, 12)
"""Classes that may be found or not: people on vehicles, standing dummies, distractors, reflections."""
SAME_OBJECT_IOU = 0.5


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
    kept = [
        _comparable(sequence.truth[truth], result[found], classes=sequence.has_classes)
        for truth, found in zip(truth_rows, result_rows, strict=True)
    ]
    truth_ids, truth_number = _numbered([truth[:, IDENTITY] for truth, _, _ in kept])
    result_ids, result_number = _numbered([found[:, IDENTITY] for _, found, _ in kept])
    frames = tuple(
        FrameMatch(truth, found, iou)
        for truth, found, (_, _, iou) in zip(truth_number, result_number, kept, strict=True)
    )
    return SequenceMatch(frames, truth_ids, result_ids)


def box_iou(a_xywh: F64, b_xywh: F64) -> F64:
    """Return (N, M) intersection over union of boxes given by left, top, width, height."""
    low = np.maximum(a_xywh[:, None, :2], b_xywh[None, :, :2])
    high = np.minimum((a_xywh[:, :2] + a_xywh[:, 2:])[:, None], (b_xywh[:, :2] + b_xywh[:, 2:])[None])
    intersection = np.maximum(high - low, 0).prod(axis=2)
    area_a, area_b = a_xywh[:, 2:].prod(axis=1), b_xywh[:, 2:].prod(axis=1)
    union = area_a[:, None] + area_b[None] - intersection
    iou: F64 = np.zeros_like(intersection)
    np.divide(intersection, union, out=iou, where=(area_a > EPSILON)[:, None] & (area_b > EPSILON)[None])
    return iou


def best_pairs(gain: F64) -> tuple[Ids, Ids]:
    """Return the rows and columns of the one-to-one assignment with the largest sum."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(-gain)
    return rows, columns


def _comparable(truth: F64, found: F64, *, classes: bool) -> tuple[F64, F64, F64]:
    iou = box_iou(truth[:, BOX], found[:, BOX])
    counted = truth[:, SCORE] != 0
    if not classes:
        return truth[counted], found, iou[counted]
    wanted = np.ones(len(found), np.bool_)
    if len(truth) and len(found):
        close = np.where(iou < SAME_OBJECT_IOU - EPSILON, 0, iou)
        rows, columns = best_pairs(close)
        real = close[rows, columns] > EPSILON
        rows, columns = rows[real], columns[real]
        wanted[columns[np.isin(truth[rows, CLASS], DISTRACTORS)]] = False
    counted &= truth[:, CLASS] == PEDESTRIAN
    return truth[counted], found[wanted], iou[counted][:, wanted]


def _numbered(ids: list[F64]) -> tuple[int, list[Ids]]:
    distinct, number = np.unique(np.concatenate(ids), return_inverse=True)
    return len(distinct), np.split(number.astype(np.intp), np.cumsum([len(one) for one in ids])[:-1])
