"""How well two sets of objects agree, whatever their order: which belong together, and the sums over all pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporters.parity.chance import BEYOND_SHARE, most_of
from exporters.parity.tolerances import MATCH_IOU, Tolerance
from exporters.parity.verdict import Figure, worst
from streamvision.core.boxes import oriented_overlaps, overlaps
from streamvision.core.detections import Detections
from streamvision.core.masks import BoxMask

ENOUGH_PAIRS = 10
"""The middle of fewer differences says nothing about a common shift."""


class ObjectTally:
    """How two sets of boxes agree.

    Args:
        tolerance: the limits.
        score: objects from here up count; weaker ones are only what a counted object may be paired with.
        outlier_share: share of the pairs that the least overlap and the greatest difference of scores leave out.
    """

    def __init__(self, tolerance: Tolerance, *, score: float, outlier_share: float = 0.0) -> None:
        self._outlier_share = outlier_share
        self._tolerance = tolerance
        self._score = score
        self.names: list[str] = []
        """The pictures so far."""
        self.differences: list[float] = []
        """How much the sets differ on each picture: objects without a partner, and what the pairs lack."""
        self.source_objects = 0
        """Objects of the source that count."""
        self.export_objects = 0
        """Objects of the export that count."""
        self._alone = (0, 0)
        self._iou: list[F64] = []
        self._score_difference: list[F64] = []
        self._offset_px: list[F64] = []

    def add(
        self,
        name: str,
        *,
        boxes: tuple[NDArray[np.float32], NDArray[np.float32]],
        scores: tuple[NDArray[np.float32], NDArray[np.float32]],
        pairs: Pairs,
        contained: bool = False,
        px: float = 1.0,
    ) -> tuple[frozenset[int], frozenset[int]]:
        """Count one picture.

        Args:
            name: the picture.
            boxes: (N, 4) and (M, 4) boxes of source and export.
            scores: (N,) and (M,) their scores.
            pairs: which belong together.
            contained: whether the source may have more than the export; an export that has suppressed already is
                compared with all that its source proposes.
            px: length of one pixel of the boxes in pixels of the network's input.

        Returns:
            Rows of the source, and of the export, that count and have no partner.
        """
        counts = [np.flatnonzero(one >= self._score) for one in scores]
        alone = [
            frozenset() if contained else frozenset(np.setdiff1d(counts[0], pairs.source).tolist()),
            frozenset(np.setdiff1d(counts[1], pairs.export).tolist()),
        ]
        of_pairs = scores[0][pairs.source], scores[1][pairs.export]
        counted = np.maximum(*of_pairs) >= self._score if not contained else of_pairs[1] >= self._score
        iou = pairs.iou[counted]
        score_difference = np.abs(of_pairs[0] - of_pairs[1])[counted].astype(np.float64)
        first, second = boxes[0][pairs.source][counted], boxes[1][pairs.export][counted]
        self._iou.append(iou)
        self._score_difference.append(score_difference)
        self._offset_px.append((second.astype(np.float64) - first) * px)
        self.source_objects += len(counts[0])
        self.export_objects += len(counts[1])
        self._alone = (self._alone[0] + len(alone[0]), self._alone[1] + len(alone[1]))
        self.names.append(name)
        self.differences.append(len(alone[0]) + len(alone[1]) + float((1 - iou).sum() + score_difference.sum()))
        return alone[0], alone[1]

    @property
    def pairs(self) -> int:
        """How many pairs were counted."""
        return sum(map(len, self._iou))

    @property
    def worst_picture(self) -> str | None:
        """Name of the picture on which the sets differ most."""
        return worst(self.names, self.differences)

    def figures(self) -> list[Figure]:
        """Return what was measured, with its limits."""
        limits, pairs = self._tolerance, self.pairs
        lost, gained = self._alone
        iou = np.concatenate(self._iou) if self._iou else np.empty(0)
        score = np.concatenate(self._score_difference) if pairs else np.empty(0)
        share = (lost + gained) / max(lost + gained + pairs, 1)
        return [
            Figure("source_objects", float(self.source_objects)),
            Figure("export_objects", float(self.export_objects)),
            Figure("unmatched_share", share, limits.unmatched_share),
            Figure("lost_share", lost / max(self.source_objects, 1), limits.lost_share),
            Figure("gained_share", gained / max(self.export_objects, 1), limits.gained_share),
            Figure("mean_iou", float(iou.mean()) if pairs else None, limits.mean_iou, at_least=True),
            Figure("iou_p5", self._quantile(iou, BEYOND_SHARE)),
            Figure("iou_of_most", self._of_most(iou, 1), limits.iou_p5, at_least=True),
            Figure("least_iou", self._quantile(iou, self._outlier_share), limits.least_iou, at_least=True),
            Figure("common_shift_px", self._common_shift_px(), limits.shift_px if pairs >= ENOUGH_PAIRS else None),
            Figure("mean_score_difference", float(score.mean()) if pairs else None, limits.mean_score),
            Figure("score_difference_p95", self._quantile(score, 1 - BEYOND_SHARE)),
            Figure("score_difference_of_most", self._of_most(score, -1), limits.score_p95),
            Figure("greatest_score_difference", self._quantile(score, 1 - self._outlier_share), limits.greatest_score),
        ]

    @staticmethod
    def _quantile(values: F64, share: float) -> float | None:
        return float(np.quantile(values, share)) if len(values) else None

    @staticmethod
    def _of_most(values: F64, order: int) -> float | None:
        """Return the worst of the values behind those that may be beyond the limit: 5 %, and what chance adds.

        Args:
            values: of the pairs.
            order: 1 where the lowest values are the worst, -1 where the greatest are.
        """
        left_out = most_of(len(values), BEYOND_SHARE) if len(values) else 0
        return float(order * np.sort(order * values)[left_out]) if left_out < len(values) else None

    def _common_shift_px(self) -> float | None:
        """Return how far the middle edge is shifted, the worst of the four; noise has no direction, an error has."""
        if not self.pairs:
            return None
        return float(np.abs(np.median(np.concatenate(self._offset_px), axis=0)).max())


F64 = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Objects that belong together, and how much their boxes overlap."""

    source: Indices
    """(P,) rows of the source's objects."""
    export: Indices
    """(P,) the export's rows that belong to them."""
    iou: F64
    """(P,) overlap of each pair, 0..1."""

    def __len__(self) -> int:
        return len(self.iou)


def pair_up(
    iou: F64,
    scores: tuple[NDArray[np.float32], NDArray[np.float32]],
    *,
    threshold: float,
    least: float = MATCH_IOU,
) -> Pairs:
    """Pair final objects one to one, those first that are most alike.

    Objects that reach the threshold are paired with each other first; weaker ones are only there for objects near it.

    Args:
        iou: (N, M) overlap of each source object with each export object; 0 where they may not be paired.
        scores: (N,) and (M,) their scores.
        threshold: score from which objects count.
        least: pairs overlap by at least this much.
    """
    rows, columns = np.nonzero(iou >= least)
    of_pairs = scores[0][rows], scores[1][columns]
    both_count = np.minimum(*of_pairs) >= threshold
    likeness = iou[rows, columns] - np.abs(of_pairs[0] - of_pairs[1])
    order = np.lexsort((-likeness, ~both_count))
    free_row, free_column = np.ones(iou.shape[0], bool), np.ones(iou.shape[1], bool)
    taken: list[int] = []
    for position in order.tolist():
        row, column = rows[position], columns[position]
        if free_row[row] and free_column[column]:
            free_row[row] = free_column[column] = False
            taken.append(position)
    return Pairs(rows[taken], columns[taken], iou[rows[taken], columns[taken]])


def most_alike(
    iou: F64,
    scores: tuple[NDArray[np.float32], NDArray[np.float32]],
    *,
    threshold: float,
    contained: bool = False,
    least: float = MATCH_IOU,
) -> Pairs:
    """Give each candidate of source and export that counts the most alike one of the other; many may share a partner.

    Before suppression many boxes cover the same object nearly alike, and one more or less of them is no difference;
    one to one, the last of them would be left with a stranger. Those below the threshold look for none: their own
    partner may be just below what is decoded, and any other is a stranger, too.

    Args:
        iou: (N, M) overlap of each source candidate with each export candidate; 0 where they may not be paired.
        scores: (N,) and (M,) their scores.
        threshold: score from which candidates count.
        contained: whether only the export's candidates look for a partner.
        least: pairs overlap by at least this much.
    """
    if not iou.size:
        return Pairs(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0))
    likeness = np.where(iou >= least, iou - np.abs(scores[0][:, None] - scores[1][None]), -np.inf)
    rows, columns = likeness.argmax(axis=0), np.arange(iou.shape[1])
    if not contained:
        rows = np.concatenate([rows, np.arange(iou.shape[0])])
        columns = np.concatenate([columns, likeness.argmax(axis=1)])
    seeking = np.concatenate([scores[1], scores[0]])[: len(rows)] >= threshold
    found = seeking & np.isfinite(likeness[rows, columns])
    rows, columns = rows[found], columns[found]
    return Pairs(rows, columns, iou[rows, columns])


def object_overlaps(source: Detections, export: Detections, *, any_class: bool = False) -> F64:
    """Return (N, M) overlap of objects, oriented where they are; 0 between objects of different classes.

    With ``any_class`` the classes do not matter.
    """
    iou = overlaps(source.box_xyxy_px.astype(np.float64), export.box_xyxy_px.astype(np.float64))
    if source.obb_cxcywhr_px is not None and export.obb_cxcywhr_px is not None:
        iou = oriented_overlaps(source.obb_cxcywhr_px, export.obb_cxcywhr_px, iou > 0)
    return iou if any_class else np.where(same_class(source.class_id, export.class_id), iou, 0.0)


def same_class(source: NDArray[np.int32], export: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return (N, M) whether the classes are equal."""
    same: NDArray[np.bool_] = source[:, None] == export[None]
    return same


def mask_overlap(source: BoxMask, export: BoxMask) -> float:
    """Return the intersection over union of two masks; 1 where both are empty."""
    left, top = max(source.left_px, export.left_px), max(source.top_px, export.top_px)
    right, bottom = (
        min(source.left_px + source.bits.shape[1], export.left_px + export.bits.shape[1]),
        min(source.top_px + source.bits.shape[0], export.top_px + export.bits.shape[0]),
    )
    shared = 0
    if right > left and bottom > top:
        windows = [
            mask.bits[top - mask.top_px : bottom - mask.top_px, left - mask.left_px : right - mask.left_px]
            for mask in (source, export)
        ]
        shared = int(np.count_nonzero(windows[0] & windows[1]))
    union = source.area_px + export.area_px - shared
    return shared / union if union else 1.0
