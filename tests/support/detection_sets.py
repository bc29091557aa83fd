"""Compares two sets of detections on one picture, whatever their order."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]
"""(N, 6) left, top, right, bottom, score, class id."""


@dataclass
class Agreement:
    """How well two detectors agree, over all pictures given to :meth:`add`."""

    score_threshold: float
    """What both detectors reported down to; objects within ``score_slack`` of it may be missing on either side."""
    score_slack: float = 0.01
    pairs: int = 0
    min_iou: float = 1.0
    iou_sum: float = 0.0
    max_score_difference: float = 0.0
    unmatched: list[str] = field(default_factory=list)

    def add(self, name: str, found: Rows, reference: Rows) -> None:
        """Pair objects of equal class greedily, the greatest overlap first, and record the figures."""
        overlaps = np.where(found[:, None, 5] == reference[None, :, 5], iou_matrix(found, reference), 0.0)
        left, right = set(range(len(found))), set(range(len(reference)))
        for flat in np.argsort(-overlaps, axis=None):
            i, j = divmod(int(flat), len(reference))
            if i in left and j in right and overlaps[i, j] > 0.5:
                left.remove(i)
                right.remove(j)
                self.pairs += 1
                self.iou_sum += float(overlaps[i, j])
                self.min_iou = min(self.min_iou, float(overlaps[i, j]))
                difference = abs(float(found[i, 4] - reference[j, 4]))
                self.max_score_difference = max(self.max_score_difference, difference)
        for side, rows, rest in (("only ours", found, left), ("only theirs", reference, right)):
            certain = [k for k in rest if rows[k, 4] > self.score_threshold + self.score_slack]
            self.unmatched += [f"{name}: {side}: {rows[k].round(3).tolist()}" for k in certain]

    @property
    def mean_iou(self) -> float:
        """Return the mean overlap of the pairs."""
        return self.iou_sum / max(self.pairs, 1)

    def __str__(self) -> str:
        return (
            f"{self.pairs} pairs, IoU at least {self.min_iou:.5f}, score within {self.max_score_difference:.6f}, "
            f"{len(self.unmatched)} unmatched"
        )


def iou_matrix(a: Rows, b: Rows) -> NDArray[np.float64]:
    """Return (len(a), len(b)) intersection over union."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:4], b[None, :, 2:4])
    common = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(rows[:, 2:4] - rows[:, :2], axis=1) for rows in (a, b)]
    return common / np.maximum(areas[0][:, None] + areas[1][None, :] - common, 1e-12)
