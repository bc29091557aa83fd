"""Where a picture has changed since the network last saw it.

The picture's luma is averaged over cells, some 7 pixels of a usual network's input wide, so that the noise of sensors
and encoders, which is 1 to 3 levels then, stays far below what the smallest object changes (20 and more, measured on
real traffic and indoor cameras). Each cell is compared with what it was when the network last saw it, and not with the
frame before: what creeps adds up until it shows.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.picture import Picture, YuvPicture
from streamvision.core.resampling import Window

COLUMNS = 96
"""Cells across the longer side of the picture."""
LEAST_LEVELS = 8.0
"""Smallest difference of a cell's mean luma that counts as a change."""
NOISE_FACTOR = 5.0
"""How many standard deviations of the picture's own noise a change must exceed, where these are more."""
_DEVIATION_PER_MEDIAN = 1.4826
"""Standard deviation of normal noise over the median of its size."""

Cells = NDArray[np.bool_]


class MotionGrid:
    """The cells of one stream."""

    def __init__(self) -> None:
        self._now: NDArray[np.int16] | None = None
        self._seen: NDArray[np.int16] | None = None

    def changed(self, picture: Picture) -> Cells:
        """Return (rows, columns) which cells have changed since they were last :meth:`accept`-ed; at first, all.

        A change of the whole picture's brightness, as by a cloud or the camera's own exposure, is none.
        """
        now = self._now = cell_means(picture)
        if self._seen is None or self._seen.shape != now.shape:
            self._seen = None
            return np.ones(now.shape, np.bool_)
        difference = now - self._seen
        size = np.abs(difference - int(np.median(difference)))
        noise = _DEVIATION_PER_MEDIAN * float(np.median(size))
        changed: Cells = size > max(LEAST_LEVELS, NOISE_FACTOR * noise)
        return changed

    def accept(self, picture: Picture, window: Window | None = None) -> None:
        """Tell that the network is shown the newest picture; with a window, that part of it."""
        if self._now is None:
            return
        if window is None or self._seen is None:
            self._seen = self._now
            return
        rows, columns = self._now.shape
        across, down = columns / picture.width_px, rows / picture.height_px
        # By their middles: a part begins at even pixels, so that it may miss a bit of the last cells for ever.
        inside = (
            slice(round(window.top * down), round(window.bottom * down)),
            slice(round(window.left * across), round(window.right * across)),
        )
        self._seen = self._seen.copy()
        self._seen[inside] = self._now[inside]

    def reset(self) -> None:
        """Forget what was seen, as after a reconnect."""
        self._now = self._seen = None


def cell_means(picture: Picture) -> NDArray[np.int16]:
    """Return (rows, columns) int16 mean luma of each cell."""
    scale = min(COLUMNS / max(picture.width_px, picture.height_px), 1.0)
    size = max(round(picture.width_px * scale), 1), max(round(picture.height_px * scale), 1)
    if isinstance(picture, YuvPicture):
        small: Any = cv2.resize(picture.y, size, interpolation=cv2.INTER_AREA)
    else:
        small = cv2.cvtColor(cv2.resize(picture.to_bgr(), size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    return small.astype(np.int16)  # type: ignore[no-any-return]


def box_of(cells: Cells, *, picture_px: tuple[int, int]) -> NDArray[np.float64] | None:
    """Return (4,) left, top, right, bottom in pixels of the picture around all marked cells; ``None`` without any."""
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    if not len(rows):
        return None
    across, down = picture_px[0] / cells.shape[1], picture_px[1] / cells.shape[0]
    edges = [columns[0] * across, rows[0] * down, (columns[-1] + 1) * across, (rows[-1] + 1) * down]
    return np.array(edges, np.float64)
