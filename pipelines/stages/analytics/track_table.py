"""The confirmed identities of a stream in one table, whose rows all measurements share.

A measurement keeps arrays with one column a row of the table, and follows it by :meth:`Change.applied`. The table
forgets an identity when the tracker does, so nothing grows with the length of a stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections

T = TypeVar("T", bound=np.generic)
Rows = NDArray[np.intp]
Float = NDArray[np.float64]

MAX_IDENTITIES = 4096
"""Most identities in the table; a tracker keeps no more. Beyond it those unseen for longest are forgotten."""


@dataclass(frozen=True, eq=False)
class Change:
    """How the table differs from that of the frame before: the rows at ``kept`` stayed, ``born`` came behind them."""

    kept: Rows
    born: int
    same: bool
    """True where no row came and none went."""

    @property
    def rows(self) -> int:
        """Length of the table after the change."""
        return len(self.kept) + self.born

    def applied(self, state: NDArray[T], fill: Any) -> NDArray[T]:
        """Return a measurement's (..., rows) array as it is after the change, with ``fill`` for the newly born."""
        if self.same:
            return state
        new = np.full((*state.shape[:-1], self.born), fill, state.dtype)
        return np.concatenate([state[..., self.kept], new], axis=-1)


@dataclass(frozen=True, eq=False)
class FrameTracks:
    """The identities on one frame."""

    pts_s: float
    """The frame's time."""
    picture_px: tuple[int, int]
    """Width and height of the picture."""
    row: Rows
    """(n,) row in the table of each object with identity, after :attr:`arrival`."""
    detection: Rows
    """(n,) row of each of them in the frame's detections."""
    box_xyxy_px: Float
    """(n, 4) their boxes."""
    class_id: NDArray[np.int64]
    """(n,) the class that each identity had most of the time, by score."""
    arrival: Change
    """The identities that came with this frame; none leaves by it."""
    distance_m: Float
    """(n,) how far each is from the camera, where a secondary model has placed it in space; NaN where not."""
    is_estimated: NDArray[np.bool_]
    """(n,) whether that is by a field of view that is assumed."""

    @cached_property
    def at(self) -> Rows | slice:
        """The same as :attr:`row`, for reading and writing columns of a measurement; a slice, which copies nothing,
        where all identities of the table are on the frame and in order."""
        rows = self.arrival.rows
        return slice(None) if len(self.row) == rows and bool((self.row == np.arange(rows)).all()) else self.row

    @cached_property
    def size_px(self) -> Float:
        """(n, 2) width and height of the boxes."""
        size: Float = self.box_xyxy_px[:, 2:] - self.box_xyxy_px[:, :2]
        return size

    @cached_property
    def scale_px(self) -> Float:
        """(2,) width and height of the picture, to multiply fractions by."""
        return np.array(self.picture_px, np.float64)

    @cached_property
    def center_px(self) -> Float:
        """(n, 2) middles of the boxes."""
        center: Float = (self.box_xyxy_px[:, :2] + self.box_xyxy_px[:, 2:]) / 2
        return center

    def anchor_px(self, offset: Float) -> Float:
        """Return a point of each box.

        Args:
            offset: (2,) from the box's middle, as shares of its width and height; or (P, 1, 2), for (P, n, 2) points.
        """
        return self.center_px + offset * self.size_px


class TrackTable:
    """The table of one stream.

    Args:
        memory_s: how long an identity may go unseen, in seconds of stream time; the tracker's own memory.
    """

    def __init__(self, memory_s: float) -> None:
        self._memory_s = memory_s
        self.identity: NDArray[np.int64] = np.empty(0, np.int64)
        """(rows,) identities, in the order in which they came."""
        self.class_id: NDArray[np.int64] = np.empty(0, np.int64)
        """(rows,) the class that each had most of the time, by score."""
        self.seen_s: Float = np.empty(0)
        """(rows,) when each was last seen."""
        self._lead: Float = np.empty(0)

    def __len__(self) -> int:
        return len(self.identity)

    def update(
        self,
        detections: Detections,
        *,
        pts_s: float,
        picture_px: tuple[int, int],
        ignored: NDArray[np.bool_] | None = None,
    ) -> FrameTracks:
        """Take the next frame's objects; those without identity, and an identity's second box, are passed over.

        Args:
            detections: the objects.
            pts_s: the frame's time.
            picture_px: width and height of the picture.
            ignored: (n,) which of the objects are passed over, too.
        """
        chosen = self._with_identity(detections)
        if ignored is not None:
            chosen = chosen[~ignored[chosen]]
        identity = detections.track_id.data[chosen] if detections.track_id is not None else np.empty(0, np.int64)
        row, known = self._look_up(identity)
        born = np.flatnonzero(~known)
        row[born] = len(self) + np.arange(len(born))
        arrival = Change(np.arange(len(self)), len(born), same=not len(born))
        class_id = detections.class_id[chosen].astype(np.int64)
        if len(born):
            self.identity = np.concatenate([self.identity, identity[born]])
            self.class_id = np.concatenate([self.class_id, class_id[born]])
            self.seen_s = arrival.applied(self.seen_s, pts_s)
            self._lead = arrival.applied(self._lead, 0.0)
        self.seen_s[row] = pts_s
        self._vote(row, class_id, detections.score[chosen].astype(np.float64))
        box = detections.box_xyxy_px[chosen].astype(np.float64)
        return FrameTracks(
            pts_s, picture_px, row, chosen, box, self.class_id[row], arrival, *_distances(detections, chosen)
        )

    def departing(self, pts_s: float) -> Rows:
        """Return the rows to forget: unseen for longer than the memory, or seen at a time that is yet to come."""
        away_s = np.abs(pts_s - self.seen_s)
        gone = away_s > self._memory_s
        if len(self) > MAX_IDENTITIES:
            gone[np.argsort(-away_s, kind="stable")[: len(self) - MAX_IDENTITIES]] = True
        return np.flatnonzero(gone)

    def forget(self, rows: Rows) -> Change:
        """Take these rows out of the table."""
        stays = np.ones(len(self), np.bool_)
        stays[rows] = False
        change = Change(np.flatnonzero(stays), 0, same=not len(rows))
        self.identity, self.class_id = self.identity[stays], self.class_id[stays]
        self.seen_s, self._lead = self.seen_s[stays], self._lead[stays]
        return change

    def _with_identity(self, detections: Detections) -> Rows:
        if detections.track_id is None:
            return np.empty(0, np.intp)
        usable = ~np.ma.getmaskarray(detections.track_id) & np.isfinite(detections.box_xyxy_px).all(axis=1)
        rows = np.flatnonzero(usable)
        first = np.unique(detections.track_id.data[rows], return_index=True)[1]
        return rows[first]

    def _look_up(self, identity: NDArray[np.int64]) -> tuple[Rows, NDArray[np.bool_]]:
        """Return each identity's row, and whether it has one."""
        if not len(self):
            return np.zeros(len(identity), np.intp), np.zeros(len(identity), np.bool_)
        order = np.argsort(self.identity, kind="stable")
        at = np.minimum(np.searchsorted(self.identity, identity, sorter=order), len(self) - 1)
        row = order[at]
        return row, self.identity[row] == identity

    def _vote(self, row: Rows, class_id: NDArray[np.int64], score: Float) -> None:
        """Keep the class that leads: the majority vote of Boyer and Moore (1981), weighted by score."""
        same = self.class_id[row] == class_id
        lead = self._lead[row] + np.where(same, score, -score)
        changed = lead < 0
        self.class_id[row[changed]] = class_id[changed]
        self._lead[row] = np.abs(lead)


def _distances(detections: Detections, chosen: Rows) -> tuple[Float, NDArray[np.bool_]]:
    """Return (n,) how far objects are from the camera, and whether that is by an assumed field of view."""
    distance_m, is_estimated = np.full(len(chosen), np.nan), np.zeros(len(chosen), np.bool_)
    for at, found in enumerate(detections.attributes[chosen].tolist() if detections.attributes is not None else ()):
        known = (one for one in (found or {}).values() if isinstance(one.get("distance_m"), (int, float)))
        if (first := next(known, None)) is not None:
            distance_m[at], is_estimated[at] = first["distance_m"], bool(first.get("estimated"))
    return distance_m, is_estimated
