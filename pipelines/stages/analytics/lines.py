"""Counts at lines: which identities got from one side to the other, through the segment, and in which direction.

An identity is on a side of a line when its anchor is past it by a band that grows with its box; in between it stays
where it was, and a short step past the band must last to the next frame. So flicker at a line counts nothing, and a
jump across it, between two frames or over dropped ones, counts once. What matters is where the anchor's path met the
line last: past the segment's ends does not count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.analytics.regions import JUMP_BANDS, anchor_offsets, class_filter
from pipelines.stages.analytics.track_table import Change, Float, FrameTracks
from streamvision.core.analysis import LineTally
from streamvision.core.config.analytics import LineConfig
from streamvision.core.detections import class_name

_STATE = np.dtype(
    [
        ("side", np.int8),
        ("pending", np.int8),
        ("through", np.bool_),
        ("near_sign", np.int8),
        ("near_xy", np.float64, 2),
    ]
)
"""What is known of an identity at a line: the side on which it counts as being, -1 or 1; the side to which it got past
the band on the last frame, without counting there yet; whether its path met the line within the segment; and where its
anchor last was beside the line, in fractions of the picture, and on which side."""


@dataclass(frozen=True)
class Crossing:
    """One identity crossed one line."""

    line: LineConfig
    """The line."""
    row: int
    """The identity: a row of the table."""
    class_name: str
    """The class as which it was counted."""
    direction: str
    """Name of the direction."""


class Lines:
    """All lines of one stream.

    Args:
        configs: the lines.
        names: class names by class id.
        before: lines with counts so far; one that is the same here keeps its counts, and on which side identities are.
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
        self._offset = anchor_offsets(self.configs)
        self._counted = class_filter(self.configs, names)
        self._counts = [(Counter[str](), Counter[str]()) for _ in self.configs]
        self._state = np.zeros((count, rows), _STATE)
        for index, line in enumerate(self.configs):
            if before is not None and line in before.configs:
                old = before.configs.index(line)
                self._counts[index] = before._counts[old]
                self._state[index] = before._state[old]
        self._tallies = tuple(self._tally(index) for index in range(count))

    @property
    def tallies(self) -> tuple[LineTally, ...]:
        """All lines with their counts."""
        return self._tallies

    def saved(self) -> list[tuple[LineConfig, dict[str, Any]]]:
        """Return each line with what :meth:`restore` takes, as plain values."""
        return [
            (line, {"there": dict(there), "back": dict(back)})
            for line, (there, back) in zip(self.configs, self._counts, strict=True)
        ]

    def restore(self, line: LineConfig, counts: Mapping[str, Any]) -> None:
        """Add what was counted at a line in an earlier run; nothing where it is not the same line any more."""
        if line in self.configs:
            index = self.configs.index(line)
            for counter, earlier in zip(self._counts[index], (counts["there"], counts["back"]), strict=True):
                counter.update(earlier)
            self._tallies = tuple(self._tally(i) if i == index else old for i, old in enumerate(self._tallies))

    def follow(self, change: Change) -> None:
        """Follow a change of the table."""
        self._state = change.applied(self._state, 0)

    def update(self, tracks: FrameTracks) -> list[Crossing]:
        """Take the next frame's objects and return the crossings."""
        if not self.configs or not len(tracks.row):
            return []
        state, scale_px, at = self._state, tracks.scale_px, tracks.at
        begin_px = self._ends[:, 0] * scale_px
        along = (self._ends[:, 1] - self._ends[:, 0]) * scale_px
        length_px = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
        along = along / length_px
        anchor_px = tracks.anchor_px(self._offset)
        near_px = state["near_xy"][:, at] * scale_px
        off_px, at_px = _relative(anchor_px, begin_px, along)
        old_off_px, old_at_px = _relative(near_px, begin_px, along)
        sign = np.sign(off_px).astype(np.int8)
        old_sign = state["near_sign"][:, at]
        met = old_sign * sign < 0
        step = old_off_px / np.where(met, old_off_px - off_px, 1.0)
        meets_px = old_at_px + step * (at_px - old_at_px)
        inside = (meets_px >= 0) & (meets_px <= length_px)
        through = np.where(met, inside, state["through"][:, at])
        # How far the box itself reaches across the line is what the band is a share of.
        reach_px = np.abs(along[:, 1:2]) * tracks.size_px[:, 0] + np.abs(along[:, 0:1]) * tracks.size_px[:, 1]
        band_px = self._band * reach_px
        clear = (np.abs(off_px) > band_px) & (sign != 0)
        side = state["side"][:, at]
        jumped = np.abs(off_px - old_off_px) >= JUMP_BANDS * band_px
        settled = clear & ((side == 0) | (side == sign) | jumped | (state["pending"][:, at] == sign))
        counted = self._counted[:, np.minimum(tracks.class_id, len(self._names))]
        crossed = settled & (side * sign < 0) & through & counted
        state["side"][:, at] = np.where(settled, sign, side)
        state["pending"][:, at] = np.where(clear & ~settled, sign, 0)
        state["through"][:, at] = through & ~settled
        moved = sign != 0  # on the very line it is on neither side: the path goes on from where it was before
        state["near_sign"][:, at] = np.where(moved, sign, old_sign)
        near_px = np.where(moved[:, :, None], anchor_px, near_px)
        state["near_xy"][:, at] = near_px / scale_px
        return list(self._count(tracks, crossed, sign))

    def _count(self, tracks: FrameTracks, crossed: NDArray[np.bool_], sign: NDArray[np.int8]) -> Iterator[Crossing]:
        touched = set()
        for index, column in np.argwhere(crossed).tolist():
            line, way = self.configs[index], int(sign[index, column] < 0)
            name = class_name(int(tracks.class_id[column]), self._names)
            self._counts[index][way][name] += 1
            touched.add(index)
            yield Crossing(line, int(tracks.row[column]), name, line.directions[way])
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
