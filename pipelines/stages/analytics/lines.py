"""Counts at lines: who got from one side to the other, through the segment, and in which direction.

An identity is on a side of a line when its anchor is past it by a band that grows with its box; in between it stays
where it was. So flicker at a line counts nothing, and a jump across it, between two frames or over dropped ones,
counts once. What matters is where the anchor's path met the line last: past the segment's ends does not count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.analytics.regions import anchor_heights, class_filter
from pipelines.stages.analytics.track_table import Change, Float, Sighting
from streamvision.core.analysis import LineTally
from streamvision.core.config.analytics import LineConfig
from streamvision.core.detections import class_name


@dataclass(frozen=True)
class Crossing:
    """One identity crossed one line."""

    line: LineConfig
    """The line."""
    row: int
    """Who: a row of the table."""
    class_name: str
    """As what it was counted."""
    direction: str
    """Name of the direction."""


class Lines:
    """All lines of one stream.

    Args:
        configs: the lines.
        names: class names by class id.
        before: lines with counts so far; one that is the same here keeps its counts, and who is on which side of it.
        rows: length of the table now.
    """

    def __init__(
        self, configs: Sequence[LineConfig], names: tuple[str, ...], *, before: Lines | None = None, rows: int = 0
    ) -> None:
        self.configs = tuple(configs)
        self._names = names
        count = len(self.configs)
        self._ends = np.array([line.points for line in self.configs], np.float64).reshape(count, 2, 2)
        self._band = np.array([line.band for line in self.configs], np.float64)[:, None]
        self._height = anchor_heights(self.configs)
        self._counted = class_filter(self.configs, names)
        self._counts = [(Counter[str](), Counter[str]()) for _ in self.configs]
        self._side = np.zeros((count, rows), np.int8)
        self._through = np.zeros((count, rows), np.bool_)
        self._near_sign = np.zeros((count, rows), np.int8)
        self._near_xy = np.zeros((count, 2, rows))
        for index, line in enumerate(self.configs):
            if before is not None and line in before.configs:
                old = before.configs.index(line)
                self._counts[index] = before._counts[old]
                self._side[index], self._through[index] = before._side[old], before._through[old]
                self._near_sign[index], self._near_xy[index] = before._near_sign[old], before._near_xy[old]
        self._tallies = tuple(self._tally(index) for index in range(count))

    @property
    def tallies(self) -> tuple[LineTally, ...]:
        """All lines with their counts."""
        return self._tallies

    def carry(self, change: Change) -> None:
        """Follow a change of the table."""
        self._side, self._through = change.carry(self._side, 0), change.carry(self._through, False)
        self._near_sign, self._near_xy = change.carry(self._near_sign, 0), change.carry(self._near_xy, 0.0)

    def update(self, seen: Sighting) -> list[Crossing]:
        """Take the next frame's objects and return who has crossed what."""
        if not self.configs or not len(seen.row):
            return []
        scale_px, at = seen.scale_px, seen.at
        begin_px = self._ends[:, 0] * scale_px
        along = (self._ends[:, 1] - self._ends[:, 0]) * scale_px
        length_px = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
        along = along / length_px
        anchor_px = seen.anchor_px(self._height)
        near_px = self._near_xy[:, :, at].transpose(0, 2, 1) * scale_px
        off_px, at_px = _relative(anchor_px, begin_px, along)
        old_off_px, old_at_px = _relative(near_px, begin_px, along)
        sign = np.sign(off_px).astype(np.int8)
        old_sign = self._near_sign[:, at]
        met = old_sign * sign < 0
        step = old_off_px / np.where(met, old_off_px - off_px, 1.0)
        meets_px = old_at_px + step * (at_px - old_at_px)
        inside = (meets_px >= 0) & (meets_px <= length_px)
        through = np.where(met, inside, self._through[:, at])
        # How far the box itself reaches across the line is what the band is a share of.
        reach_px = np.abs(along[:, 1:2]) * seen.size_px[:, 0] + np.abs(along[:, 0:1]) * seen.size_px[:, 1]
        settled = (np.abs(off_px) > self._band * reach_px) & (sign != 0)
        side = self._side[:, at]
        counted = self._counted[:, np.minimum(seen.class_id, len(self._names))]
        crossed = settled & (side * sign < 0) & through & counted
        self._side[:, at] = np.where(settled, sign, side)
        self._through[:, at] = through & ~settled
        moved = sign != 0  # on the very line it is on neither side: the path goes on from where it was before
        self._near_sign[:, at] = np.where(moved, sign, old_sign)
        near_px = np.where(moved[:, :, None], anchor_px, near_px)
        self._near_xy[:, :, at] = (near_px / scale_px).transpose(0, 2, 1)
        return list(self._count(seen, crossed, sign))

    def _count(self, seen: Sighting, crossed: NDArray[np.bool_], sign: NDArray[np.int8]) -> Iterator[Crossing]:
        touched = set()
        for index, column in np.argwhere(crossed).tolist():
            line, way = self.configs[index], int(sign[index, column] < 0)
            name = class_name(int(seen.class_id[column]), self._names)
            self._counts[index][way][name] += 1
            touched.add(index)
            yield Crossing(line, int(seen.row[column]), name, line.directions[way])
        if touched:
            self._tallies = tuple(self._tally(i) if i in touched else old for i, old in enumerate(self._tallies))

    def _tally(self, index: int) -> LineTally:
        line = self.configs[index]
        there, back = self._counts[index]
        return LineTally(line.name, line.points, line.directions, (dict(there), dict(back)))


def _relative(point_px: Float, begin_px: Float, along: Float) -> tuple[Float, Float]:
    """Return how far (L, n) points are to the right of each line, and how far along it, in pixels.

    Args:
        point_px: (L, n, 2) points.
        begin_px: (L, 2) where the lines begin.
        along: (L, 2) their directions, of length 1.
    """
    x, y = np.moveaxis(point_px - begin_px[:, None], -1, 0)
    along_x, along_y = along[:, 0:1], along[:, 1:2]
    return along_x * y - along_y * x, along_x * x + along_y * y
