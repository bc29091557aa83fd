"""Joins pieces of trajectories that belong to one object, all of a recording at once.

A tracker that was interrupted gives one object several identities. Which piece continues which is decided for all
together: the pairs whose summed likeness is largest, each piece with one successor and one predecessor at most. That is
the global association of Zhang et al. (2008, https://doi.org/10.1109/CVPR.2008.4587584) for costs of pairs, and what
AFLink of StrongSORT (Du et al., 2023, https://doi.org/10.1109/TMM.2023.3240881) does with a network that looks at
positions and times; here these are compared by motion, size and gap, without a network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipelines.stages.tracking.assignment import assign
from pipelines.trajectories.trajectories import F64, I64, Trajectories

LEAST_PX = 1.0
"""Of a height: boxes of no height are as high as this."""
MAX_PAIRS = 500_000
"""Pairs that are compared at a time, some 100 MB; a crowd that flickers has thousands for each piece."""


@dataclass(frozen=True)
class Linking:
    """When two pieces are one object."""

    longest_gap_s: float = 3.0
    """Longest time between the last frame of a piece and the first of the next."""
    motion_s: float = 0.6
    """How much of a piece its velocity is taken from, at either end."""
    steady_s: float = 2.0
    """Time constant with which a velocity is forgotten: behind a long gap an object is less far than it would be."""
    error: float = 0.2
    """Largest error of a predicted place right behind the end, in heights of the object."""
    error_per_s: float = 0.15
    """By how much it grows with each second of the gap."""
    size_ratio: float = 1.2
    """Largest ratio of heights."""


class Ends(NamedTuple):
    """One end of every piece."""

    time_s: F64
    """(P,) when it is."""
    place_px: F64
    """(P, 2) middle of the box."""
    velocity_px_s: F64
    """(P, 2) of the middle."""
    height_px: F64
    """(P,) of the box."""


def links(tracks: Trajectories, settings: Linking) -> list[tuple[int, int]]:
    """Return which pieces continue which: positions in :meth:`Trajectories.pieces` of the earlier and the later one."""
    pieces = tracks.pieces()
    if len(pieces) < 2:
        return []
    tails = _ends(tracks, pieces, settings, last=True)
    heads = _ends(tracks, pieces, settings, last=False)
    classes = np.array([np.bincount(tracks.class_id[piece]).argmax() for piece in pieces])
    order = np.argsort(heads.time_s, kind="stable")
    starts = heads.time_s[order]
    low = np.searchsorted(starts, tails.time_s, side="right")
    high = np.searchsorted(starts, tails.time_s + settings.longest_gap_s, side="right")
    reached = (high - low).cumsum()
    near: list[tuple[I64, I64, F64]] = []
    begin = 0
    while begin < len(pieces):
        before = reached[begin - 1] if begin else 0
        end = max(int(np.searchsorted(reached, before + MAX_PAIRS, side="right")), begin + 1)
        near.append(_near(tails, heads, order, classes, begin, low[begin:end], high[begin:end], settings))
        begin = end
    tail, head, likeness = (np.concatenate(column) for column in zip(*near, strict=True))
    earlier, later = assign(tail, head, likeness)
    return list(zip(earlier.tolist(), later.tolist(), strict=True))


def _near(
    tails: Ends, heads: Ends, order: I64, classes: I64, begin: int, low: I64, high: I64, settings: Linking
) -> tuple[I64, I64, F64]:
    """Return the pairs of some pieces and those behind them that agree, (P,) each, and how well.

    Args:
        tails: ends of all pieces.
        heads: beginnings of all pieces.
        order: (N,) all pieces by their beginnings.
        classes: (N,) class of each.
        begin: the first of the pieces that are looked at.
        low: (B,) by each of these, the first place in ``order`` of one that may continue it.
        high: (B,) and the place behind the last.
        settings: when two pieces are one object.
    """
    count = high - low
    tail = np.repeat(np.arange(begin, begin + len(count)), count)
    head = order[np.arange(len(tail)) - np.repeat(count.cumsum() - count, count) + np.repeat(low, count)]
    same = classes[tail] == classes[head]
    tail, head = tail[same], head[same]
    likeness = _likeness(tails, heads, tail, head, settings)
    near = likeness > 0
    return tail[near], head[near], likeness[near]


def _likeness(tails: Ends, heads: Ends, tail: I64, head: I64, settings: Linking) -> F64:
    """Return (P,) how well pairs of ends agree: 1 is best, and 0 or less too little."""
    gap_s = heads.time_s[head] - tails.time_s[tail]
    moved_s = (settings.steady_s * -np.expm1(-gap_s / settings.steady_s))[:, None]
    apart_px = heads.place_px[head] - tails.place_px[tail]
    forward = np.linalg.norm(apart_px - tails.velocity_px_s[tail] * moved_s, axis=1)
    backward = np.linalg.norm(apart_px - heads.velocity_px_s[head] * moved_s, axis=1)
    heights = tails.height_px[tail], heads.height_px[head]
    error = (forward + backward) / (heights[0] + heights[1])
    allowed = settings.error + settings.error_per_s * gap_s
    ratio = np.abs(np.log(heights[1] / heights[0])) / np.log(settings.size_ratio)
    return np.asarray(1 - np.sqrt((error / allowed) ** 2 + ratio**2))


def _ends(tracks: Trajectories, pieces: list[slice], settings: Linking, *, last: bool) -> Ends:
    rows = [_end(tracks, piece, settings.motion_s, last=last) for piece in pieces]
    table = np.array(rows)
    return Ends(table[:, 0], table[:, 1:3], table[:, 3:5], np.maximum(table[:, 5], LEAST_PX))


def _end(tracks: Trajectories, piece: slice, motion_s: float, *, last: bool) -> tuple[float, ...]:
    """Return time, place, velocity and height at one end of a piece, by a straight line through its last moments."""
    time_s = tracks.time_s[piece]
    at_s = time_s[-1 if last else 0]
    begin, end = np.searchsorted(time_s, (at_s - motion_s, at_s + motion_s))
    chosen = slice(piece.start + begin, piece.start + end)
    box = tracks.box_xyxy_px[chosen]
    since_s = tracks.time_s[chosen] - at_s
    middle = (box[:, :2] + box[:, 2:]) / 2
    mean_s, mean_px = since_s.mean(), middle.mean(axis=0)
    spread = ((since_s - mean_s) ** 2).sum()
    velocity = ((since_s - mean_s)[:, None] * (middle - mean_px)).sum(axis=0) / spread if spread > 0 else np.zeros(2)
    place = mean_px - velocity * mean_s
    return float(at_s), *place.tolist(), *velocity.tolist(), float(np.median(box[:, 3] - box[:, 1]))
