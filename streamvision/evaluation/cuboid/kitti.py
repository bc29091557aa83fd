"""Average precision of cuboids as KITTI defines it.

Objects are easy, moderate or hard by the height of their boxes, by how far they are hidden and how far the picture's
edge cuts them; a level measures those up to it, and those beyond it count neither way, as do found ones whose boxes are
too low. Precision is averaged over 40 levels of recall (AP|R40; Simonelli et al., "Disentangling Monocular 3D Object
Detection", ICCV 2019, which KITTI took over).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamvision.datasets.dataset import LabelledCuboid

RECALLS = 40


class Level(NamedTuple):
    """How hard an object may be."""

    name: str
    least_height_px: float
    most_occluded: int
    most_truncated: float


LEVELS = (Level("easy", 40, 0, 0.15), Level("moderate", 25, 1, 0.30), Level("hard", 25, 2, 0.50))


@dataclass(frozen=True, eq=False)
class PictureMatch:
    """The objects of one class on one picture: those marked, those found, and how much they overlap."""

    marked: Sequence[LabelledCuboid]
    """Those that are marked."""
    score: NDArray[np.float64]
    """(N,) of those that were found."""
    height_px: NDArray[np.float64]
    """(N,) heights of their boxes."""
    iou: NDArray[np.float64]
    """(N, M) their overlaps with those marked."""


def average_precision(pictures: Sequence[PictureMatch], level: Level, *, least_iou: float) -> float | None:
    """Return the average precision of a class at a level, 0..1; ``None`` where nothing of that level is marked."""
    wanted, scores, hits = 0, [], []
    for picture in pictures:
        counts = np.array([_is_of(one, level) for one in picture.marked], bool)
        wanted += int(counts.sum())
        taken = np.zeros(len(counts), bool)
        for index in np.argsort(-picture.score, kind="stable").tolist():
            free = np.where(taken, -1.0, picture.iou[index]) if len(counts) else np.empty(0)
            near = np.flatnonzero(free >= least_iou)
            if len(near):
                # One that counts is preferred to one that does not, then the larger overlap.
                best = max(near.tolist(), key=lambda at: (counts[at], free[at]))
                taken[best] = True
                if not counts[best]:
                    continue
            elif picture.height_px[index] < level.least_height_px:
                continue
            scores.append(float(picture.score[index]))
            hits.append(bool(len(near)))
    if not wanted:
        return None
    order = np.argsort(-np.array(scores), kind="stable")
    right = np.cumsum(np.array(hits, np.float64)[order])
    recall, precision = right / wanted, right / np.arange(1, len(right) + 1)
    steps = np.arange(1, RECALLS + 1) / RECALLS
    best_beyond = [precision[recall >= step - 1e-9].max(initial=0.0) for step in steps]
    return float(np.mean(best_beyond))


def _is_of(one: LabelledCuboid, level: Level) -> bool:
    height_px = one.box_xyxy_px[3] - one.box_xyxy_px[1]
    easy_enough = one.occluded <= level.most_occluded and one.truncated <= level.most_truncated
    return height_px >= level.least_height_px and easy_enough
