"""Merging what was found on overlapping tiles of one picture, as SAHI does it.

The rules are those of "Slicing Aided Hyper Inference and Fine-Tuning for Small Object Detection" (Akyon, Altinuc,
Temizel; ICIP 2022, arXiv:2202.06934) as the authors' package ``sahi`` has them: greedy non-maximum merging by
intersection over the smaller box at 0.5 is its default, which needs boxes that are sure: weak ones make others grow.
Results equal the package's, ties included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamvision.core.boxes import oriented_pair_overlaps
from streamvision.core.config.slices import MatchMetric, SlicesConfig
from streamvision.core.detections import Detections
from streamvision.core.masks import BoxMask, joined_masks

MAX_MERGED = 20_000
"""Most boxes of one picture that are merged, the best by score; it bounds the pairs of those that overlap."""

F32 = NDArray[np.float32]
Groups = dict[int, list[int]]
"""By each object that is kept, those that are merged into it."""


class _Pairs(NamedTuple):
    """Which boxes match, each pair in both directions; those of box ``i`` stand from start[i] to start[i + 1]."""

    start: NDArray[np.intp]
    """(N + 1,) where the partners of each box begin."""
    partner: NDArray[np.intp]
    """(P,) the partners, ascending within each box."""

    def of(self, index: int) -> list[int]:
        """Return the partners of a box."""
        found: list[int] = self.partner[self.start[index] : self.start[index + 1]].tolist()
        return found


def merged(found: Detections, rule: SlicesConfig, *, agnostic: bool, max_detections: int) -> Detections:
    """Return the objects of one picture, each once, the best score first.

    A merged object has the smallest box around all its parts, their masks joined and the best score. Keypoints and
    oriented boxes cannot be joined, so that of these objects the best part is kept as it is.

    Args:
        found: what was found on the whole picture and on its tiles, in pixels of the picture.
        rule: how it is merged.
        agnostic: whether objects of different classes are merged, too.
        max_detections: most objects that are returned.
    """
    if len(found) > MAX_MERGED:
        found = found[np.argsort(-found.score, kind="stable")[:MAX_MERGED]]
    box = found.box_xyxy_px
    order = np.lexsort((box[:, 3], box[:, 2], box[:, 1], box[:, 0], -found.score))
    pairs = _pairs(found, rule, agnostic=agnostic)
    groups = _transitive_groups(order, pairs, found) if rule.merge == "nmm" else _greedy_groups(order, pairs)
    keeps_best = rule.merge == "nms" or found.keypoint_xy_px is not None or found.obb_cxcywhr_px is not None
    whole = found if keeps_best else _joined(found, groups, rule)
    kept = np.fromiter(groups, np.intp, len(groups))
    return whole[kept[np.argsort(-whole.score[kept], kind="stable")[:max_detections]]]


def _pairs(found: Detections, rule: SlicesConfig, *, agnostic: bool) -> _Pairs:
    box = found.box_xyxy_px
    first, second = _touching(box, np.zeros_like(found.class_id) if agnostic else found.class_id)
    if found.obb_cxcywhr_px is None:
        value = _overlap(box[first], box[second], rule.match_metric)
    else:
        value = _oriented(found.obb_cxcywhr_px, first, second, rule.match_metric)
    matches = value >= value.dtype.type(rule.match_threshold)
    first, second = first[matches], second[matches]
    source, partner = np.concatenate([first, second]), np.concatenate([second, first])
    by_source = np.lexsort((partner, source))
    return _Pairs(np.searchsorted(source[by_source], np.arange(len(box) + 1)), partner[by_source])


def _touching(box: F32, group: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs of boxes of one group that have area in common; no array of all pairs is made.

    The groups are laid side by side, so that of the boxes, ordered by their left edges, those that may touch box ``i``
    are the ones behind it that begin before its right edge.
    """
    if not len(box):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    edge = box.astype(np.float64)
    span = float(edge[:, [0, 2]].max() - edge[:, [0, 2]].min()) + 1.0
    shift = span * np.unique(group, return_inverse=True)[1].reshape(-1)
    left, right = edge[:, 0] + shift, edge[:, 2] + shift
    order = np.argsort(left, kind="stable")
    behind = np.maximum(np.searchsorted(left[order], right[order]) - np.arange(len(box)) - 1, 0)
    at = np.repeat(np.arange(len(box)), behind)
    other = np.arange(len(at)) - np.repeat(np.cumsum(behind) - behind, behind) + at + 1
    first, second = order[at], order[other]
    meets = (box[first, 1] < box[second, 3]) & (box[second, 1] < box[first, 3])
    meets &= (box[first, 0] < box[second, 2]) & (box[second, 0] < box[first, 2])
    return first[meets], second[meets]


def _overlap(a: NDArray[Any], b: NDArray[Any], metric: MatchMetric) -> NDArray[Any]:
    """Return (P,) the overlap of (P, 4) pairs of boxes, in the boxes' precision; 0 where one has no area."""
    side = np.maximum(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0)
    shared = side[:, 0] * side[:, 1]
    a_area, b_area = ((one[:, 2] - one[:, 0]) * (one[:, 3] - one[:, 1]) for one in (a, b))
    by = a_area + b_area - shared if metric == "iou" else np.minimum(a_area, b_area)
    value: NDArray[Any] = np.divide(shared, by, out=np.zeros_like(shared), where=by > 0)
    return value


def _oriented(
    cxcywhr: F32, first: NDArray[np.intp], second: NDArray[np.intp], metric: MatchMetric
) -> NDArray[np.float64]:
    """Return (P,) the exact overlap of pairs of oriented boxes."""
    area = cxcywhr[:, 2].astype(np.float64) * cxcywhr[:, 3]
    iou = oriented_pair_overlaps(cxcywhr, cxcywhr, first, second)
    if metric == "iou":
        return iou
    both = area[first] + area[second]
    smaller = np.minimum(area[first], area[second])
    ios: NDArray[np.float64] = np.divide(iou * both / (1 + iou), smaller, out=np.zeros_like(iou), where=smaller > 0)
    return ios


def _greedy_groups(order: NDArray[np.intp], pairs: _Pairs) -> Groups:
    """Let each box, the best first, take all that match it and are not taken yet."""
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order))
    places = rank.tolist()
    free = [True] * len(order)
    groups: Groups = {}
    for index in order.tolist():
        if not free[index]:
            continue
        free[index] = False
        members = [other for other in pairs.of(index) if free[other]]
        for other in members:
            free[other] = False
        groups[index] = sorted(members, key=places.__getitem__)
    return groups


def _transitive_groups(order: NDArray[np.intp], pairs: _Pairs, found: Detections) -> Groups:
    """Let each box, the best first, give what matches it to the group that it is in, or to its own.

    It has a claim on what scores less; of equal scores, on boxes whose left, top, right, bottom come no later.
    """
    score, box = found.score.tolist(), found.box_xyxy_px.tolist()
    group_of: dict[int, int] = {}
    groups: Groups = {}
    for index in order.tolist():
        keeper = group_of.get(index)
        if keeper is None:
            keeper = group_of[index] = index
            groups[index] = []
        for other in pairs.of(index):
            has_claim = score[index] > score[other] or (score[index] == score[other] and box[other] <= box[index])
            if has_claim and other not in group_of:
                group_of[other] = keeper
                groups[keeper].append(other)
    return groups


def _joined(found: Detections, groups: Groups, rule: SlicesConfig) -> Detections:
    """Return the objects, those that are kept grown around what is merged into them.

    A member that does not match any more, the box having grown, is dropped without a trace; so it is in ``sahi``.
    """
    box, score, class_id = found.box_xyxy_px.copy(), found.score.copy(), found.class_id.copy()
    mask = None if found.mask is None else found.mask.copy()
    exact = found.box_xyxy_px.astype(np.float64)
    for keeper, members in ((keeper, members) for keeper, members in groups.items() if members):
        whole = exact[keeper]
        parts = [keeper]
        for member in members:
            if _overlap(whole[None], exact[[member]], rule.match_metric)[0] >= rule.match_threshold:
                part = exact[member]
                whole = np.concatenate([np.minimum(whole[:2], part[:2]), np.maximum(whole[2:], part[2:])])
                parts.append(member)
                if score[keeper] <= score[member]:
                    class_id[keeper] = class_id[member]
        box[keeper] = whole
        score[keeper] = score[parts].max()
        if mask is not None:
            mask[keeper] = _union([found.mask[part] for part in parts])  # type: ignore[index]
    return found.with_columns(box_xyxy_px=box, score=score, class_id=class_id, mask=mask)


def _union(masks: Sequence[BoxMask]) -> BoxMask:
    return masks[0] if len(masks) == 1 else joined_masks(masks)
