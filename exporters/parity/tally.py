"""Adds up how well sets of objects agree, over all pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exporters.parity.findings import Figure, worst
from exporters.parity.matching import F64, Pairs
from exporters.parity.tolerances import Tolerance

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
        """How much the sets differ on each picture: objects of one side alone, and what is missing in the others."""
        self.source_objects = 0
        """Objects of the source that count."""
        self.export_objects = 0
        """Objects of the export that count."""
        self._alone = 0
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
        self._alone += len(alone[0]) + len(alone[1])
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
        limits, pairs, alone = self._tolerance, self.pairs, self._alone
        iou = np.concatenate(self._iou) if self._iou else np.empty(0)
        score = np.concatenate(self._score_difference) if pairs else np.empty(0)
        share = alone / max(alone + pairs, 1)
        return [
            Figure("source_objects", float(self.source_objects)),
            Figure("export_objects", float(self.export_objects)),
            Figure("unmatched_share", share, limits.unmatched_share),
            Figure("mean_iou", float(iou.mean()) if pairs else None, limits.mean_iou, at_least=True),
            Figure("least_iou", self._quantile(iou, self._outlier_share), limits.least_iou, at_least=True),
            Figure("common_shift_px", self._common_shift_px(), limits.shift_px if pairs >= ENOUGH_PAIRS else None),
            Figure("mean_score_difference", float(score.mean()) if pairs else None, limits.mean_score),
            Figure("greatest_score_difference", self._quantile(score, 1 - self._outlier_share), limits.greatest_score),
        ]

    @staticmethod
    def _quantile(values: F64, share: float) -> float | None:
        return float(np.quantile(values, share)) if len(values) else None

    def _common_shift_px(self) -> float | None:
        """Return how far the middle edge is shifted, the worst of the four; noise has no direction, an error has."""
        if not self.pairs:
            return None
        return float(np.abs(np.median(np.concatenate(self._offset_px), axis=0)).max())
