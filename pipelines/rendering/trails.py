"""Where objects have been during the last seconds: the bottom centres of their boxes, by identity.

A frame's points are kept as one pair of arrays, so that taking a snapshot copies nothing and adding a frame does
not loop over objects; they are put together as curves only if somebody draws them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections

SAMPLES = 20
"""Points of a full trail: more than about ten a second cannot be told apart, and drawing time grows with them."""
MAX_OBJECTS = 256
"""Most identities remembered of one frame, the first ones; further trails would hide the picture."""


@dataclass(frozen=True, eq=False)
class TrailSample:
    """Positions of all identities on one frame."""

    pts_s: float
    """The frame's time."""
    track_id: NDArray[np.int64]
    """(N,) identities."""
    foot_xy_px: NDArray[np.float32]
    """(N, 2) bottom centre of each box."""


@dataclass(frozen=True, eq=False)
class TrailSnapshot:
    """The trails at one moment, oldest sample first."""

    samples: tuple[TrailSample, ...] = ()

    def curves(self, *, least_px: float = 0.0) -> list[tuple[int, NDArray[np.float32]]]:
        """Return (identity, (n, 2) float32 points, oldest first) of each object on the newest frame.

        Args:
            least_px: objects that moved less, across and down, are left out.
        """
        if len(self.samples) < 2 or not len(self.samples[-1].track_id):
            return []
        newest = self.samples[-1].track_id
        identities = np.concatenate([sample.track_id for sample in self.samples])
        points = np.concatenate([sample.foot_xy_px for sample in self.samples])
        owner, at = np.nonzero(newest[:, None] == identities)  # by object, and in time order within each
        points = points[at]
        starts = np.searchsorted(owner, np.arange(len(newest)))
        extent_px = np.maximum.reduceat(points, starts) - np.minimum.reduceat(points, starts)
        counts = np.diff(starts, append=len(points))
        shown = np.flatnonzero((extent_px >= least_px).any(axis=1) & (counts > 1))
        parts = zip(newest[shown].tolist(), starts[shown].tolist(), counts[shown].tolist(), strict=True)
        return [(identity, points[start : start + count]) for identity, start, count in parts]


class Trails:
    """The trails of one stream: bounded in seconds, in points and in identities."""

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._interval_s = length_s / SAMPLES
        self._segment: int | None = None
        self._samples: deque[TrailSample] = deque(maxlen=SAMPLES + 2)

    def update(self, detections: Detections, *, pts_s: float, segment: int = 0) -> None:
        """Add the objects with identity of the next frame; a new segment, or time running back, starts afresh."""
        if segment != self._segment or (self._samples and pts_s < self._samples[-1].pts_s):
            self._samples.clear()
            self._segment = segment
        # The newest point always counts; the one before it stays only if it is far enough from its own predecessor.
        if len(self._samples) >= 2 and self._samples[-1].pts_s - self._samples[-2].pts_s < self._interval_s:
            self._samples.pop()
        self._samples.append(_sample(detections, pts_s))
        while pts_s - self._samples[0].pts_s > self._length_s:
            self._samples.popleft()

    def snapshot(self) -> TrailSnapshot:
        """Return the trails as they are now; later updates do not change it."""
        return TrailSnapshot(tuple(self._samples))


def _sample(detections: Detections, pts_s: float) -> TrailSample:
    track_id: np.ma.MaskedArray[Any, np.dtype[np.int64]] | None = detections.track_id
    if track_id is None:
        return TrailSample(pts_s, np.empty(0, np.int64), np.empty((0, 2), np.float32))
    drawable = ~np.ma.getmaskarray(track_id) & np.isfinite(detections.box_xyxy_px).all(axis=1)
    confirmed = np.flatnonzero(drawable)[:MAX_OBJECTS]
    box = detections.box_xyxy_px[confirmed]
    foot_xy_px = np.stack([(box[:, 0] + box[:, 2]) / 2, box[:, 3]], axis=1)
    return TrailSample(pts_s, track_id.data[confirmed], foot_xy_px)
