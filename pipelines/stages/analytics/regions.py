"""What lines and zones are made of: the point of a box that counts, the classes that do, polygons and headings."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.stages.analytics.track_table import Change, Float, FrameTracks
from streamvision.core.config.analytics import AnalyticsConfig, Anchor, LineConfig, ZoneConfig
from streamvision.core.detections import Detections, class_index
from streamvision.core.errors import ConfigError

ANCHOR_OFFSET: dict[Anchor, tuple[float, float]] = {
    "center": (0.0, 0.0),
    "bottom": (0.0, 0.5),
    "top": (0.0, -0.5),
    "left": (-0.5, 0.0),
    "right": (0.5, 0.0),
    "bottom_left": (-0.5, 0.5),
    "bottom_right": (0.5, 0.5),
    "top_left": (-0.5, -0.5),
    "top_right": (0.5, -0.5),
}
"""Where the anchor is, from a box's middle, as shares of its width and height."""
STEP_SHARE = 0.5
"""How far a box must have moved before it has a heading, as a share of its width and height; a detected box seldom
jitters by more than a tenth."""
JUMP_BANDS = 10.0
"""A step of so many bands, the whole box by default, is a way that was gone and counts at once; a shorter one past the
band counts when it lasts to the next frame, so that one false box counts nothing."""
INRADIUS_RASTER_PX = 512
"""Longer side of the drawing in which the middle of a polygon is looked for."""


def anchor_offsets(regions: Sequence[LineConfig | ZoneConfig]) -> Float:
    """Return (P, 1, 2) the offset of each region's anchor, for :meth:`FrameTracks.anchor_px`."""
    return np.array([ANCHOR_OFFSET[region.anchor] for region in regions], np.float64).reshape(-1, 1, 2)


def class_filter(regions: Sequence[LineConfig | ZoneConfig], names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return (P, classes) whether each region counts each class; a class without a name counts where all do."""
    known = np.ones((len(regions), len(names)), np.bool_)
    for row, region in zip(known, regions, strict=True):
        if region.classes is not None:
            row[:] = False
            row[[found for name in region.classes if (found := class_index(name, names)) is not None]] = True
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
            if class_index(name, names) is None:
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
        self._inradius_px = np.empty((0, 1))
        self._inradius_for_px = (0, 0)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._begin)

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

    def inradius_px(self, picture_px: tuple[int, int]) -> Float:
        """Return (P, 1) how far from the edge a point inside can be; a little less where that is hard to find."""
        if self._inradius_for_px != picture_px:
            rings = self._begin * np.array(picture_px, np.float64)
            middle_px = np.array([_middle(ring) for ring in rings]).reshape(len(rings), 1, 2)
            inside, edge_px = self.locate(middle_px, picture_px)
            self._inradius_px, self._inradius_for_px = np.where(inside, edge_px, 0.0), picture_px
        return self._inradius_px

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


def _middle(ring_px: Float) -> Float:
    """Return the point inside a polygon that is farthest from its edge, as far as a drawing of it tells."""
    low = ring_px.min(axis=0)
    scale = INRADIUS_RASTER_PX / max(float((ring_px.max(axis=0) - low).max()), 1e-9)
    corners = np.rint((ring_px - low) * scale).astype(np.int32) + 1
    drawing = np.zeros((corners[:, 1].max() + 2, corners[:, 0].max() + 2), np.uint8)
    cv2.fillPoly(drawing, [corners], 1)
    depth = cv2.distanceTransform(drawing, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    middle: Float = low + (np.array([column, row], np.float64) - 1) / scale
    return middle


class IgnoredAreas:
    """Areas in which no object counts.

    Args:
        zones: those zones that ignore.
        names: class names by class id.
    """

    def __init__(self, zones: Sequence[ZoneConfig], names: tuple[str, ...]) -> None:
        self._polygons = Polygons([zone.points for zone in zones])
        self._offset = anchor_offsets(zones)
        self._classes = class_filter(zones, names)

    def covers(self, detections: Detections, picture_px: tuple[int, int]) -> NDArray[np.bool_]:
        """Return (n,) which objects have their anchor in an area that ignores their class."""
        box = detections.box_xyxy_px.astype(np.float64)
        size_px = box[:, 2:] - box[:, :2]
        inside, _ = self._polygons.locate(box[:, :2] + size_px / 2 + self._offset * size_px, picture_px)
        known = np.clip(detections.class_id, 0, self._classes.shape[1] - 1)
        covered: NDArray[np.bool_] = np.logical_or.reduce(inside & self._classes[:, known], axis=0)
        return covered


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
