"""Where objects have been during the last seconds: the bottom centres of their boxes, by identity.

Adding a frame and taking a snapshot only keep references; points are put together as curves only if somebody draws
them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

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
    track_id: np.ma.MaskedArray[tuple[int], np.dtype[np.int64]] | None
    """(N,) identities, masked where there is none."""
    box_xyxy_px: NDArray[np.float32]
    """(N, 4) boxes."""

    @cached_property
    def foot_xy_px(self) -> dict[int, tuple[float, float]]:
        """The bottom centre of each box by identity, as far as they are known."""
        if self.track_id is None:
            return {}
        known = ~np.ma.getmaskarray(self.track_id) & np.isfinite(self.box_xyxy_px).all(axis=1)
        rows = zip(known.tolist(), self.track_id.data.tolist(), self.box_xyxy_px.tolist(), strict=True)
        feet = ((identity, ((box[0] + box[2]) / 2, box[3])) for is_known, identity, box in rows if is_known)
        return dict(islice(feet, MAX_OBJECTS))


@dataclass(frozen=True, eq=False)
class TrailSnapshot:
    """The trails at one moment, oldest sample first."""

    samples: tuple[TrailSample, ...] = ()

    def curves(self, *, min_extent_px: float = 0.0) -> list[tuple[int, NDArray[np.float32]]]:
        """Return (identity, (n, 2) float32 points, oldest first) of each object on the newest frame.

        Args:
            min_extent_px: objects that moved less, both across and down, are left out.
        """
        curves = []
        feet = [sample.foot_xy_px for sample in self.samples]
        for identity in feet[-1] if len(feet) > 1 else ():
            points = [at[identity] for at in feet if identity in at]
            if len(points) > 1 and _extent_px(points) >= min_extent_px:
                curves.append((identity, np.array(points, np.float32)))
        return curves


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
        self._samples.append(TrailSample(pts_s, detections.track_id, detections.box_xyxy_px))
        while pts_s - self._samples[0].pts_s > self._length_s:
            self._samples.popleft()

    def snapshot(self) -> TrailSnapshot:
        """Return the trails as they are now; later updates do not change it."""
        return TrailSnapshot(tuple(self._samples))


def _extent_px(points: list[tuple[float, float]]) -> float:
    """Return how far points lie apart, across or down, whichever is more."""
    extents_px: list[float] = [max(axis_px) - min(axis_px) for axis_px in zip(*points, strict=True)]
    return max(extents_px)
