"""What the boxes of tracks say, thinned out: few frames of each track, none where the picture's edge cuts the box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamvision.geolocation.records import TrackBoxes

F64 = NDArray[np.float64]
_STEP_S = 0.1
_STEP_M = 0.3
"""Frames that follow within this time or this way of the car say the same again, and are averaged."""
_ALIKE_S = 0.5
"""So long the errors of heading, pitch and box are much the same: so much time counts as one observation."""
_EDGE_SHARE = 0.003
"""A box that comes this near to an edge (share of the picture's width) may be cut by it."""
_BOX_ERROR_SHARE, _BOX_ERROR_PX = 0.03, 1.0
"""How well a detector places a box."""


class Observations(NamedTuple):
    """N observations of T tracks, sorted by track."""

    track: NDArray[np.intp]
    """(N,) index of the track."""
    time_s: F64
    """(N,) UTC."""
    column_px: F64
    """(N,) middle of the box, right of the picture's middle."""
    row_px: F64
    """(N,) middle of the box, below the picture's middle."""
    log_height: F64
    """(N,) logarithm of the height of the box in pixels."""
    weight: F64
    """(N, 3) how much column, log height and row count, 0..1; 0 where the picture's edge cuts the box."""
    error: F64
    """(N, 3) standard deviation of column, log height and row that comes from the box."""
    begin: NDArray[np.intp]
    """(T,) index of each track's first observation."""


def observe(tracks: Sequence[TrackBoxes], way_driven_m: Sequence[F64]) -> Observations:
    """Return what the tracks say; each has at least one observation.

    Args:
        tracks: of one camera; each with at least one box.
        way_driven_m: for each track (N,) how far the car had come at each of its boxes.
    """
    parts = [_thinned(track, driven_m) for track, driven_m in zip(tracks, way_driven_m, strict=True)]
    counts = [len(part) for part in parts]
    rows = np.concatenate(parts)
    return Observations(
        np.repeat(np.arange(len(tracks)), counts),
        time_s=rows[:, 0],
        column_px=rows[:, 1],
        row_px=rows[:, 2],
        log_height=rows[:, 3],
        weight=rows[:, 4:7],
        error=rows[:, 7:10],
        begin=np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.intp),
    )


def cut_by_edge(box_xyxy_px: F64, picture_px: tuple[int, int]) -> NDArray[np.bool_]:
    """Return (N, 2) whether an edge may cut each box: the left or right one, the upper or lower one."""
    edge_px = max(_EDGE_SHARE * picture_px[0], 1.0)
    near_begin = box_xyxy_px[:, :2] <= edge_px
    return np.asarray(near_begin | (box_xyxy_px[:, 2:] >= np.array(picture_px) - edge_px))


def _thinned(track: TrackBoxes, driven_m: F64) -> F64:
    """Return (N, 10) rows: time, column, row, log height, weights (3), errors (3)."""
    width_px, height_px = track.picture_px
    left, top, right, bottom = track.box_xyxy_px.astype(np.float64).T
    across, upright = ~cut_by_edge(track.box_xyxy_px, track.picture_px).T
    tall = np.maximum(bottom - top, 1.0)
    values = np.stack(
        [track.time_unix_s, (left + right - width_px) / 2, (top + bottom - height_px) / 2, np.log(tall)], axis=1
    )
    whole = np.stack([across, upright, upright], axis=1).astype(np.float64)
    error_px = np.hypot(_BOX_ERROR_PX, _BOX_ERROR_SHARE * tall)
    error = np.stack([error_px, 1.4 * error_px / tall, error_px], axis=1)
    step = np.minimum(np.diff(track.time_unix_s) / _STEP_S, np.abs(np.diff(driven_m)) / _STEP_M)
    bins = np.floor(np.concatenate([[0], np.cumsum(step)]) + 1e-6)
    begin = np.flatnonzero(np.diff(bins, prepend=-1))
    rows = np.add.reduceat(np.concatenate([values, whole, error], axis=1), begin, axis=0)
    rows /= np.diff(np.append(begin, len(bins)))[:, None]
    rows[:, 4:7] = rows[:, 4:7] > 0.99
    gap_s = np.diff(rows[:, 0], prepend=rows[0, 0] - _typical(np.diff(rows[:, 0])))
    rows[:, 4:7] *= np.clip(gap_s / _ALIKE_S, 0.02, 1)[:, None]
    return rows


def _typical(gaps_s: F64) -> float:
    return float(np.median(gaps_s)) if len(gaps_s) else math.inf
