"""Points and polygons, all pairs at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.analytics.track_table import Float


class Polygons:
    """Several polygons, in fractions of the picture.

    Args:
        rings: the corners of each, in order.
    """

    def __init__(self, rings: Sequence[Sequence[tuple[float, float]]]) -> None:
        most = max((len(ring) for ring in rings), default=0)
        # Shorter rings repeat their last corner: an edge without length changes nothing.
        padded = [[*ring, *[ring[-1]] * (most - len(ring))] for ring in rings]
        self._begin = np.array(padded, np.float64).reshape(len(rings), most, 2)
        self._end = np.roll(self._begin, -1, axis=1)
        self._scaled: tuple[Float, Float, Float, Float, Float] | None = None
        self._scaled_for_px = (0, 0)

    def locate(self, point_px: Float, picture_px: tuple[int, int]) -> tuple[NDArray[np.bool_], Float]:
        """Return (P, n) whether points are inside, by the even-odd rule, and how far from the edge, in pixels.

        Args:
            point_px: (P, n, 2) points, for each polygon its own.
            picture_px: width and height of the picture.
        """
        begin_px, end_px, edge, rise, length2 = self._edges(picture_px)
        from_begin = point_px[:, None] - begin_px
        x, y = point_px[:, None, :, 0], point_px[:, None, :, 1]
        straddles = (begin_px[..., 1] > y) != (end_px[..., 1] > y)
        right_of_point = begin_px[..., 0] + from_begin[..., 1] / rise * edge[..., 0] > x
        inside = (straddles & right_of_point).sum(axis=1) % 2 == 1
        share = np.clip((from_begin * edge).sum(axis=-1) / length2, 0, 1)
        gap = from_begin - share[..., None] * edge
        return inside, np.sqrt((gap * gap).sum(axis=-1).min(axis=1))

    def _edges(self, picture_px: tuple[int, int]) -> tuple[Float, Float, Float, Float, Float]:
        """Return what depends on the size of the picture alone, (P, corners, 1, ...), kept until that changes."""
        if self._scaled is None or self._scaled_for_px != picture_px:
            scale_px = np.array(picture_px, np.float64)
            begin_px, end_px = (self._begin * scale_px)[:, :, None], (self._end * scale_px)[:, :, None]
            edge = end_px - begin_px
            rise = np.where(edge[..., 1] == 0, 1.0, edge[..., 1])
            self._scaled = begin_px, end_px, edge, rise, np.maximum((edge * edge).sum(axis=-1), 1e-12)
            self._scaled_for_px = picture_px
        return self._scaled
