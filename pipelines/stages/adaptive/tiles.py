"""Which tiles of a sliced picture the network is shown: those in which something has changed.

What moves is shown whole: each region of change, and each known object that moves there, lies within one of the tiles.
Where one is too large for that, the network is shown everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.stages.adaptive.motion import Cells
from streamvision.core.inference_plan import InferencePlan
from streamvision.core.resampling import Window

MOVES_FROM = 0.1
"""From which share of its box on that has changed a known object is taken to move."""
MOST = 0.7
"""From this share of all inputs on, tiles alone are not worth what the whole picture would show."""
_AROUND = np.ones((3, 3), np.uint8)

Boxes = NDArray[np.float64]


def regions_of(cells: Cells, known_xyxy_px: NDArray[np.floating[Any]], *, picture_px: tuple[int, int]) -> Boxes:
    """Return (M, 4) boxes around what has changed, a cell of margin included, and around the objects that move there.

    Args:
        cells: (rows, columns) which cells of the picture have changed.
        known_xyxy_px: (N, 4) boxes of known objects.
        picture_px: width and height of the picture.
    """
    around = cv2.dilate(cells.astype(np.uint8), _AROUND)
    _, _, stats, _ = cv2.connectedComponentsWithStats(around, connectivity=8)
    cell_px = np.array(picture_px, np.float64) / cells.shape[::-1]
    low = stats[1:, :2] * cell_px  # the first is what has not changed
    regions = np.concatenate([low, low + stats[1:, 2:4] * cell_px], axis=1)
    known = np.clip(np.asarray(known_xyxy_px, np.float64), 0, np.tile(picture_px, 2))
    return np.concatenate([regions, known[_changed_share(cells, known, cell_px) >= MOVES_FROM]])


def plan_tiles(regions_xyxy_px: NDArray[np.floating[Any]], full: InferencePlan) -> InferencePlan:
    """Return a plan of few tiles in each of which some of the regions lie whole; ``full`` where there is none.

    Args:
        regions_xyxy_px: (M, 4) what the network must be shown.
        full: the plan that shows it all, with all tiles.
    """
    tiles = np.array(full.tiles, np.float64)
    middle = (tiles[:, :2] + tiles[:, 2:]) / 2
    chosen: set[int] = set()
    for region in regions_xyxy_px:
        holds = np.flatnonzero((tiles[:, :2] <= region[:2]).all(axis=1) & (tiles[:, 2:] >= region[2:]).all(axis=1))
        if not len(holds):
            return full
        if chosen.isdisjoint(holds.tolist()):
            off = np.abs(middle[holds] - (region[:2] + region[2:]) / 2).max(axis=1)
            chosen.add(int(holds[off.argmin()]))
    if not chosen or len(chosen) > MOST * len(full.windows):
        return full
    return InferencePlan("partial", tiles=tuple(full.tiles[tile] for tile in sorted(chosen)), slices=full.slices)


def seen_whole(box_xyxy_px: NDArray[np.floating[Any]], windows: Sequence[Window], *, margin: float) -> Cells:
    """Say of (N, 4) boxes which lie within one of the windows, not nearer to its edge than a share of its size."""
    whole = np.zeros(len(box_xyxy_px), np.bool_)
    for window in windows:
        low, high = np.array(window[:2], np.float64), np.array(window[2:], np.float64)
        near = margin * (high - low)
        whole |= ((box_xyxy_px[:, :2] >= low + near) & (box_xyxy_px[:, 2:] <= high - near)).all(axis=1)
    return whole


def _changed_share(cells: Cells, box_xyxy_px: Boxes, cell_px: Boxes) -> Boxes:
    """Return (N,) which share of the cells under each box has changed."""
    total = cv2.integral(cells.astype(np.uint8)).astype(np.float64)
    low = np.floor(box_xyxy_px[:, :2] / cell_px).astype(np.int64)
    high = np.maximum(np.ceil(box_xyxy_px[:, 2:] / cell_px).astype(np.int64), low + 1)
    left, top = np.minimum(low, cells.shape[::-1]).T
    right, bottom = np.minimum(high, cells.shape[::-1]).T
    changed = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
    share: Boxes = changed / np.maximum((right - left) * (bottom - top), 1)
    return share
