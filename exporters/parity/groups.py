"""Judges the objects of each class, and of each size, by themselves: a class that is always wrong may be few objects.

A group may differ by what all objects together may, and by what chance adds to so few; see
:mod:`exporters.parity.chance`. All tests of one comparison share its error rate evenly (Bonferroni), so that an export
that differs by exactly what is allowed, in every group, is refused by them in one of a hundred comparisons at most.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from exporters.parity.chance import BEYOND_SHARE, ERROR_RATE, mean_excess, most_of
from exporters.parity.tolerances import Tolerance
from exporters.parity.verdict import Figure, GroupFigures
from streamvision.core.detections import Detections

LEAST_OBJECTS = 10
"""Fewer objects, of the source or of the export, are no group."""
_TESTS = 6
"""Most figures of a group that have a limit."""
_SMALL_PX2, _LARGE_PX2 = 32.0**2, 96.0**2
"""Areas of boxes in the picture between which objects are of medium size, as in COCO's evaluation."""
_SIZES = ("small", "medium", "large")


class GroupTally:
    """How well objects of each class, and of each size, agree.

    Args:
        names: class names of the source.
        tolerance: the limits for all objects together.
    """

    def __init__(self, names: tuple[str, ...], tolerance: Tolerance) -> None:
        self._names, self._limits = names, tolerance
        self._paired: list[NDArray[np.float64]] = []
        self._lost: list[NDArray[np.float64]] = []
        self._gained: list[NDArray[np.float64]] = []

    def add(
        self,
        source: Detections,
        export: Detections,
        iou: NDArray[np.float64],
        *,
        lost: Detections,
        gained: Detections,
    ) -> None:
        """Count one picture.

        Args:
            source: (P,) objects of the source with a partner.
            export: (P,) their partners.
            iou: (P,) how much they overlap.
            lost: objects of the source without a partner.
            gained: objects of the export without one.
        """
        difference = np.abs(source.score.astype(np.float64) - export.score)
        self._paired.append(np.column_stack([_class_and_size(source), iou, difference]))
        self._lost.append(_class_and_size(lost))
        self._gained.append(_class_and_size(gained))

    def finish(self) -> tuple[GroupFigures, ...]:
        """Return what was measured of each group that is large enough, with its limits."""
        if not self._limits.judges_groups or not self._paired:
            return ()
        paired, lost, gained = map(np.concatenate, (self._paired, self._lost, self._gained))
        groups = sorted(
            {
                (column, value)
                for alone in (lost, gained)
                for column in (0, 1)
                for value, count in _counts(np.concatenate([paired[:, column], alone[:, column]]))
                if count >= LEAST_OBJECTS
            }
        )
        error_rate = ERROR_RATE / max(_TESTS * len(groups), 1)
        found = []
        for column, value in groups:
            own = [rows[rows[:, column] == value] for rows in (paired, lost, gained)]
            figures = tuple(self._figures(own[0], len(own[1]), len(own[2]), error_rate))
            objects = len(own[0]) + max(len(own[1]), len(own[2]))
            found.append(GroupFigures(self._name(column, value), objects, figures))
        return tuple(found)

    def _figures(self, paired: NDArray[np.float64], lost: int, gained: int, error_rate: float) -> Iterator[Figure]:
        """Yield the figures of one group, whose limits are kept but for the error rate."""
        limits, pairs = self._limits, len(paired)
        iou, difference = paired[:, 2], paired[:, 3]
        for name, count, objects, allowed in (
            ("lost_share", lost, pairs + lost, limits.lost_share),
            ("gained_share", gained, pairs + gained, limits.gained_share),
        ):
            if objects:
                one_side = limits.unmatched_share if allowed is None else allowed
                yield _share(name, count, objects, one_side, error_rate)
        if pairs < 2:
            return
        if limits.iou_p5 is not None:
            yield _share("displaced_share", int((iou < limits.iou_p5).sum()), pairs, BEYOND_SHARE, error_rate)
        if limits.score_p95 is not None:
            beyond = int((difference > limits.score_p95).sum())
            yield _share("rescored_share", beyond, pairs, BEYOND_SHARE, error_rate)
        least_iou = limits.mean_iou - mean_excess(iou, error_rate)
        yield Figure("mean_iou", float(iou.mean()), least_iou, at_least=True)
        most = limits.mean_score + mean_excess(difference, error_rate)
        yield Figure("mean_score_difference", float(difference.mean()), most)

    def _name(self, column: int, value: int) -> str:
        if column == 1:
            return f"{_SIZES[value]} objects"
        return f"class {self._names[value]!r}" if value < len(self._names) else f"class {value}"


def _share(name: str, count: int, objects: int, allowed: float, error_rate: float) -> Figure:
    return Figure(name, count / objects, most_of(objects, allowed, error_rate) / objects)


def _counts(values: NDArray[np.float64]) -> list[tuple[int, int]]:
    numbers, counts = np.unique(values, return_counts=True)
    return list(zip(numbers.astype(int).tolist(), counts.tolist(), strict=True))


def _class_and_size(found: Detections) -> NDArray[np.float64]:
    """Return (N, 2): class, and which of the sizes."""
    sides = (found.box_xyxy_px[:, 2:] - found.box_xyxy_px[:, :2]).astype(np.float64)
    area = sides.clip(0).prod(axis=1)
    return np.column_stack([found.class_id, np.digitize(area, [_SMALL_PX2, _LARGE_PX2])]).astype(np.float64)
