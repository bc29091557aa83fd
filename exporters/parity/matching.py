"""Which object of one side is which of the other: sets are compared, whatever their order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporters.parity.tolerances import MATCH_IOU
from streamvision.core.boxes import oriented_overlaps, overlaps
from streamvision.core.detections import Detections
from streamvision.core.masks import BoxMask

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
    contained: bool = False,
    least: float = MATCH_IOU,
) -> Pairs:
    """Give each candidate of either side the most alike one of the other; many may share a partner.

    Before suppression many boxes cover the same object nearly alike, and one more or less of them is no difference;
    one to one, the last of them would be left with a stranger.

    Args:
        iou: (N, M) overlap of each source candidate with each export candidate; 0 where they may not be paired.
        scores: (N,) and (M,) their scores.
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
    found = np.isfinite(likeness[rows, columns])
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
