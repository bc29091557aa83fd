"""What a tracker has seen of one recording so far: plain columns, 70 bytes an object on a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.trajectories.smoothing import Smoothed, smoothed
from pipelines.trajectories.trajectories import Trajectories
from streamvision.core.detections import Detections

MAX_ROWS = 1_000_000
"""Frames and objects on them that are held; with what smoothing makes of them, 400 MB at most."""
LONGEST_MEMORY_S = 60.0
"""Longest time for which a tracker remembers an identity out of sight."""
BLOCK_FRAMES = 256
"""Frames whose columns are joined, since many small arrays take several times what they hold."""

_Columns = tuple[NDArray[Any], ...]
_COLUMNS = ("frame", "time_s", "identity", "box_xyxy_px", "score", "class_id")


class TrajectoryLog:
    """Of one stream; one thread uses it."""

    def __init__(self) -> None:
        self._frames: list[int] = []
        self._times_s: list[float] = []
        self._waiting: list[_Columns] = []
        self._blocks: list[_Columns] = []
        self._rows = 0
        self._names: dict[int, int] = {}

    @property
    def is_full(self) -> bool:
        """Whether it is time for :meth:`take`."""
        return self._rows + len(self._frames) >= MAX_ROWS

    def add(self, found: Detections, *, frame: int, pts_s: float) -> None:
        """Take the objects of the next frame that have an identity."""
        self._frames.append(frame)
        self._times_s.append(pts_s)
        if found.track_id is None or not len(found):
            return
        known = found[~np.ma.getmaskarray(found.track_id)]
        assert known.track_id is not None
        count = len(known)
        self._rows += count
        self._waiting.append(
            (
                np.full(count, frame, np.int64),
                np.full(count, pts_s),
                known.track_id.data.astype(np.int64),
                known.box_xyxy_px.astype(np.float64),
                known.score.astype(np.float64),
                known.class_id,
            )
        )
        if len(self._waiting) >= BLOCK_FRAMES:
            self._join()

    def take(self) -> Smoothed:
        """Return whole trajectories of what was seen since the last call, and forget it.

        An identity that goes on behind this keeps the name that it has got.
        """
        self._join()
        frame, time_s = np.array(self._frames, np.int64), np.array(self._times_s)
        blocks, self._blocks = self._blocks, []
        self._frames, self._times_s, self._rows = [], [], 0
        if not blocks:
            return smoothed(_NOTHING, frame, time_s)
        columns = {name: np.concatenate(parts) for name, parts in zip(_COLUMNS, zip(*blocks, strict=True), strict=True)}
        seen = columns["identity"].tolist()
        before = {one: self._names.get(one, one) for one in set(seen)}
        going_on = set(columns["identity"][columns["time_s"] >= time_s[-1] - LONGEST_MEMORY_S].tolist())
        columns["identity"] = np.array([before[one] for one in seen], np.int64)
        made = smoothed(Trajectories.of(**columns), frame, time_s)
        names = {own: made.identity_of[called] for own, called in before.items()}
        self._names = {own: called for own in going_on if (called := names[own]) is not None}
        return Smoothed(made.tracks, names)

    def _join(self) -> None:
        if self._waiting:
            self._blocks.append(tuple(np.concatenate(parts) for parts in zip(*self._waiting, strict=True)))
            self._waiting.clear()


_NOTHING = Trajectories.of(
    frame=np.empty(0, np.int64),
    time_s=np.empty(0),
    identity=np.empty(0, np.int64),
    box_xyxy_px=np.empty((0, 4)),
    score=np.empty(0),
    class_id=np.empty(0, np.int32),
)
