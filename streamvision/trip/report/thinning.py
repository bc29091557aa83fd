"""Ways with fewer points (Douglas and Peucker, 1973): each point is given the distance at which it may be left out."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
EARTH_RADIUS_M = 6_371_008.8
"""The mean radius (IUGG)."""


def plane_m(latitude_deg: F64, longitude_deg: F64) -> F64:
    """Return (N, 2) metres to the east and to the north of the first point, on a plane; longitudes must not jump."""
    stretch = np.cos(np.radians(latitude_deg[0]))
    east = np.radians(longitude_deg - longitude_deg[0]) * stretch
    north = np.radians(latitude_deg - latitude_deg[0])
    return np.stack([east, north], axis=1) * EARTH_RADIUS_M


def significance_m(way_m: F64, *, smallest_m: float, most: int) -> F64:
    """Return how much each point of a way matters.

    Args:
        way_m: (N, 2) the way on a plane.
        smallest_m: what is nearer to the line without it is not looked at.
        most: how many points matter at most, ends included.

    Returns:
        (N,) the distance from the line without the point: a line of the points with more than D metres is nowhere
        further than about D from the way. Infinite at the ends; 0 where the point does not matter.
    """
    weight = np.zeros(len(way_m))
    weight[[0, -1]] = np.inf
    waiting: list[tuple[float, int, int, int]] = []
    _look(way_m, 0, len(way_m) - 1, np.inf, waiting, smallest_m)
    for _ in range(most - 2):
        if not waiting:
            break
        negative_m, first, middle, last = heapq.heappop(waiting)
        weight[middle] = -negative_m
        _look(way_m, first, middle, -negative_m, waiting, smallest_m)
        _look(way_m, middle, last, -negative_m, waiting, smallest_m)
    return weight


def _look(
    way_m: F64, first: int, last: int, bound_m: float, waiting: list[tuple[float, int, int, int]], smallest_m: float
) -> None:
    """Put the point that lies farthest from the line between two others on the heap; it matters no more than they."""
    if last - first < 2:
        return
    distance_m = _from_line_m(way_m[first + 1 : last], way_m[first], way_m[last])
    farthest = int(np.argmax(distance_m))
    if distance_m[farthest] > smallest_m:
        matter_m = min(float(distance_m[farthest]), bound_m)
        heapq.heappush(waiting, (-matter_m, first, first + 1 + farthest, last))


def _from_line_m(points_m: F64, begin_m: F64, end_m: F64) -> F64:
    """Return the distances from a line with ends; where the way comes back on itself these matter."""
    along = end_m - begin_m
    length_2 = float(along @ along)
    apart = points_m - begin_m
    share = np.clip(apart @ along / length_2, 0, 1) if length_2 else np.zeros(len(points_m))
    off = apart - share[:, None] * along
    distance: F64 = np.hypot(off[:, 0], off[:, 1])
    return distance
