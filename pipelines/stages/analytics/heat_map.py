"""Where objects spend their time: a coarse grid of seconds, which may fade."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.stages.analytics.regions import ANCHOR_OFFSET
from pipelines.stages.analytics.track_table import FrameTracks
from streamvision.core.analysis import heat_levels
from streamvision.core.config.analytics import HeatMapConfig

GRID_COLUMNS, GRID_ROWS = 128, 72
"""Cells of the grid; finer differences are the jitter of boxes."""
LONGEST_STEP_S = 1.0
"""Longest time that one frame stands for: during a longer gap the objects were anywhere."""
_PNG_WIDTH_PX = 1280


class HeatMap:
    """Seconds that objects spent in each cell of one stream's picture.

    Args:
        config: how it fades, and which point of a box leaves a trace.
    """

    def __init__(self, config: HeatMapConfig) -> None:
        self.config = config
        self._offset = np.array(ANCHOR_OFFSET[config.anchor])
        self._seconds = np.zeros((GRID_ROWS, GRID_COLUMNS), np.float32)
        self._before_s: float | None = None

    def continues(self, config: HeatMapConfig) -> bool:
        """Say whether this map is what another configuration asks for, so that it need not begin again."""
        return (config.half_life_s, config.anchor) == (self.config.half_life_s, self.config.anchor)

    def update(self, tracks: FrameTracks) -> None:
        """Take the next frame's objects; each adds the time since the frame before to the cell that it is in."""
        before_s, self._before_s = self._before_s, tracks.pts_s
        if before_s is None or tracks.pts_s <= before_s:
            return
        elapsed_s = tracks.pts_s - before_s
        if self.config.half_life_s is not None:
            self._seconds *= 0.5 ** (elapsed_s / self.config.half_life_s)
        if len(tracks.row):
            xy = tracks.anchor_px(self._offset) / tracks.scale_px
            column, row = (np.clip(xy, 0, 1 - 1e-9) * (GRID_COLUMNS, GRID_ROWS)).astype(np.intp).T
            np.add.at(self._seconds, (row, column), np.float32(min(elapsed_s, LONGEST_STEP_S)))

    def seconds(self) -> NDArray[np.float32]:
        """Return a copy of the grid, (rows, columns) float32 seconds."""
        copy: NDArray[np.float32] = self._seconds.copy()
        return copy

    def png(self, picture_px: tuple[int, int]) -> bytes:
        """Return the map in colours, in the proportions of the picture, as a PNG file."""
        width_px = _PNG_WIDTH_PX
        height_px = max(1, round(width_px * picture_px[1] / picture_px[0]))
        levels = cv2.resize(heat_levels(self._seconds), (width_px, height_px), interpolation=cv2.INTER_CUBIC)
        encoded = cv2.imencode(".png", cv2.applyColorMap(levels, cv2.COLORMAP_TURBO))[1]
        return bytes(encoded.tobytes())
