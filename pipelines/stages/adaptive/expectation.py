"""Whether what has changed in a picture is only what was expected: known objects on their way.

While the tracker knows where they will be, the network need not confirm it on each frame. What it has not seen before,
and what has moved by more than a small part of itself since it was seen, is shown to the network.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.adaptive.motion import Cells
from streamvision.core.detections import Detections

MOST_SHIFT = 0.1
"""How far an object may go by expectation alone, as a share of its shorter side."""
LONGEST_S = 0.15
"""For how long, in stream time, nothing is shown to the network."""
OLDEST_S = 0.8
"""How long ago objects may have been seen; what the network is busy with has not been seen yet."""
MARGIN_CELLS = 1.5
"""How far around an object its motion shows: its box is not exact, and it throws a shadow."""


class Expected(NamedTuple):
    """Objects with an identity, and how they move."""

    at_s: float
    """When they were seen, in stream time."""
    box_xyxy_px: NDArray[np.float32]
    """(N, 4) where."""
    velocity_px_per_s: NDArray[np.float32]
    """(N, 4) of each edge."""

    @classmethod
    def of(cls, tracked: Detections, ahead: Detections, *, at_s: float, ahead_s: float) -> Expected:
        """Return what is expected of tracked objects.

        Args:
            tracked: objects of a frame, with identities where they have one.
            ahead: the same objects, where they should be ``ahead_s`` later.
            at_s: time of the frame.
            ahead_s: see above.
        """
        if tracked.track_id is None:
            box = np.empty((0, 4), np.float32)
            return cls(at_s, box, box)
        known = ~np.ma.getmaskarray(tracked.track_id)
        box = tracked.box_xyxy_px[known]
        return cls(at_s, box, (ahead.box_xyxy_px[known] - box) / np.float32(ahead_s))

    def explains(self, changed: Cells, *, picture_px: tuple[int, int], now_s: float, inferred_s: float) -> bool:
        """Say whether these objects account for all that has changed, and are still near where they were seen.

        Args:
            changed: (rows, columns) which cells of the picture have.
            picture_px: width and height of the picture.
            now_s: time of the frame.
            inferred_s: time of the last frame that was shown to the network.
        """
        if not len(self.box_xyxy_px) or not 0 < now_s - self.at_s <= OLDEST_S or now_s - inferred_s > LONGEST_S:
            return False
        box, velocity = self.box_xyxy_px, self.velocity_px_per_s
        shorter_px = np.maximum((box[:, 2:] - box[:, :2]).min(axis=1), 1)
        if (np.abs(velocity).max(axis=1) * (now_s - inferred_s) > MOST_SHIFT * shorter_px).any():
            return False
        later = box + velocity * np.float32(now_s - self.at_s)
        cell_px = np.array(picture_px) / changed.shape[::-1]
        low = np.floor(np.minimum(box, later)[:, :2] / cell_px - MARGIN_CELLS).astype(int).clip(0)
        high = np.ceil(np.maximum(box, later)[:, 2:] / cell_px + MARGIN_CELLS).astype(int).clip(0)
        unexplained = changed.copy()
        for (left, top), (right, bottom) in zip(low.tolist(), high.tolist(), strict=True):
            unexplained[top:bottom, left:right] = False
        return not unexplained.any()


NOTHING = Expected(-np.inf, np.empty((0, 4), np.float32), np.empty((0, 4), np.float32))
