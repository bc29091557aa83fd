"""Paths without gaps and without jitter: linear interpolation, then a Gaussian process.

Gaussian-smoothed interpolation of StrongSORT (Du et al., 2023, https://doi.org/10.1109/TMM.2023.3240881, section 3.4):
gaps are filled along straight lines, and a Gaussian process with a squared exponential covariance (Rasmussen and
Williams, 2006, chapter 2) smooths middle and size of the boxes over time, long trajectories more than short ones. It
works on parts of bounded length that overlap, so that the cost grows with the number of frames alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipelines.trajectories.trajectories import F64, I64, Trajectories

PART = 160
"""Rows that are smoothed together."""
MARGIN = 40
"""Rows on either side of a part that count for it and belong to its neighbours."""
FEWEST_ROWS = 3
"""A path of fewer rows has no jitter that could be told."""


@dataclass(frozen=True)
class Path:
    """What is filled, and what is jitter."""

    longest_gap_s: float = 1.0
    """Longest time between two rows of an identity that is filled."""
    scale_s: float = 0.2
    """Length scale of the covariance for a trajectory of one second; it grows with the root of the length."""
    noise: float = 0.1
    """Variance of the jitter, as a share of how far a path strays from a straight line."""


def filled(tracks: Trajectories, frame: I64, time_s: F64, *, longest_gap_s: float) -> Trajectories:
    """Return the rows with those that are missing between two of one identity, along straight lines.

    Args:
        tracks: what was seen.
        frame: (F,) ascending numbers of all frames of the recording.
        time_s: (F,) their times, ascending.
        longest_gap_s: longest time between two rows of an identity that is filled.
    """
    place = np.searchsorted(frame, tracks.frame)
    gap_s = np.diff(tracks.time_s)
    missing = np.diff(place) - 1
    short = (np.diff(tracks.identity) == 0) & (missing > 0) & (gap_s > 0) & (gap_s <= longest_gap_s)
    before = np.flatnonzero(short)
    if not len(before):
        return tracks
    count = missing[before]
    left = np.repeat(before, count)
    added = place[left] + 1 + np.arange(len(left)) - np.repeat(count.cumsum() - count, count)
    share = (time_s[added] - tracks.time_s[left]) / gap_s[left]
    box, score = tracks.box_xyxy_px, tracks.score
    return tracks.with_rows(
        frame=frame[added],
        time_s=time_s[added],
        identity=tracks.identity[left],
        box_xyxy_px=box[left] + share[:, None] * (box[left + 1] - box[left]),
        score=np.minimum(score[left], score[left + 1]),
        class_id=tracks.class_id[left],
        interpolated=np.ones(len(left), np.bool_),
    )


def smooth_paths(tracks: Trajectories, settings: Path) -> Trajectories:
    """Return the rows with boxes that lie on smooth paths."""
    box = tracks.box_xyxy_px
    values = np.concatenate([(box[:, :2] + box[:, 2:]) / 2, box[:, 2:] - box[:, :2]], axis=1)
    for piece in tracks.pieces():
        length_s = float(tracks.time_s[piece.stop - 1] - tracks.time_s[piece.start])
        if piece.stop - piece.start >= FEWEST_ROWS and length_s > 0:
            scale_s = settings.scale_s * length_s**0.5
            values[piece] = smooth(tracks.time_s[piece], values[piece], scale_s=scale_s, noise=settings.noise)
    half = np.maximum(values[:, 2:], 0) / 2
    return replace(tracks, box_xyxy_px=np.concatenate([values[:, :2] - half, values[:, :2] + half], axis=1))


def smooth(time_s: F64, values: F64, *, scale_s: float, noise: float) -> F64:
    """Return (N, D) values over (N,) ascending times without their jitter.

    Args:
        time_s: times.
        values: what is smoothed, column by column.
        scale_s: length scale of the covariance.
        noise: variance of the jitter, as a share of that of the process.
    """
    parts = []
    for begin in range(0, len(time_s), PART):
        low, high = max(begin - MARGIN, 0), begin + PART + MARGIN
        part = _smoothed(time_s[low:high], values[low:high], scale_s, noise)
        parts.append(part[begin - low : begin - low + PART])
    return np.concatenate(parts)


def _smoothed(time_s: F64, values: F64, scale_s: float, noise: float) -> F64:
    """Return the mean of the process around the straight line that fits best."""
    since_s = time_s - time_s.mean()
    mean = values.mean(axis=0)
    slope = since_s @ (values - mean) / max(float(since_s @ since_s), np.finfo(np.float64).tiny)
    line = mean + np.outer(since_s, slope)
    covariance = np.exp(-0.5 * ((time_s[:, None] - time_s[None]) / scale_s) ** 2)
    weights = np.linalg.solve(covariance + noise * np.eye(len(time_s)), values - line)
    return np.asarray(line + covariance @ weights)
