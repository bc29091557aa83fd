"""What lines and zones are made of: the point of a box that counts, the classes that do, polygons and headings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.analytics.track_table import Change, Float, FrameTracks
from streamvision.core.config.analytics import AnalyticsConfig, Anchor, LineConfig, ZoneConfig
from streamvision.core.errors import ConfigError

ANCHOR_HEIGHT: dict[Anchor, float] = {"center": 0.5, "bottom": 1.0}
"""Where on a box's middle the anchor is, from 0, the top, to 1, the bottom."""
STEP_SHARE = 0.5
"""How far a box must have moved before it has a heading, as a share of its width and height; a detected box seldom
jitters by more than a tenth."""


def anchor_heights(regions: Sequence[LineConfig | ZoneConfig]) -> NDArray[np.float64]:
    """Return (P, 1) the height of each region's anchor."""
    return np.array([ANCHOR_HEIGHT[region.anchor] for region in regions], np.float64)[:, None]


def class_filter(regions: Sequence[LineConfig | ZoneConfig], names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return (P, classes) whether each region counts each class; a class without a name counts where all do."""
    known = np.array(
        [[region.classes is None or name in region.classes for name in names] for region in regions], np.bool_
    ).reshape(len(regions), len(names))
    unnamed = np.array([region.classes is None for region in regions], np.bool_)[:, None]
    return np.concatenate([known, unnamed], axis=1)


def check_classes(config: AnalyticsConfig, names: tuple[str, ...]) -> None:
    """Find out whether the network knows every class that a line or zone asks for.

    Raises:
        ConfigError: naming the first that it does not know.
    """
    regions: tuple[LineConfig | ZoneConfig, ...] = (*config.lines, *config.zones)
    for region in regions:
        for name in region.classes or ():
            if name not in names:
                raise ConfigError(
                    f"{region.name!r} asks for the class {name!r}, but the model knows only: {', '.join(names)}"
                )


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


class Motion:
    """The headings of one stream's identities, from step to step."""

    def __init__(self, rows: int = 0) -> None:
        self._from_xy = np.full((2, rows), np.nan)
        self._from_s = np.zeros(rows)

    def follow(self, change: Change) -> None:
        """Follow a change of the table."""
        self._from_xy, self._from_s = change.applied(self._from_xy, np.nan), change.applied(self._from_s, 0.0)

    def update(self, tracks: FrameTracks) -> tuple[Float, Float]:
        """Take the next frame's objects; return their headings and since when they have gone that way.

        Returns:
            (n,) degrees clockwise on the picture, 0 to the right, NaN where no step was completed on this frame; and
            (n,) the time at which the step began.
        """
        scale_px, center_px = tracks.scale_px, tracks.center_px
        begin_s = self._from_s[tracks.row]
        step_px = center_px - self._from_xy[:, tracks.row].T * scale_px
        far = np.hypot(*(step_px / tracks.size_px).T) >= STEP_SHARE
        heading_deg = np.where(far, np.degrees(np.arctan2(step_px[:, 1], step_px[:, 0])), np.nan)
        renew = far | np.isnan(step_px[:, 0])
        self._from_xy[:, tracks.row[renew]] = (center_px[renew] / scale_px).T
        self._from_s[tracks.row[renew]] = tracks.pts_s
        return heading_deg, begin_s
