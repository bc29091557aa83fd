"""A frame painted in classes instead of colours: which thing each pixel shows."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamvision.synthetic.drive.planes import (
    I32,
    SUBPIXEL_BITS,
    U8,
    Bounds,
    Painting,
    Parts,
    Tone,
    Yuv,
    fixed_points,
)

PIXEL_CLASSES = ("sky", "terrain", "road", "vegetation", "building", "vehicle", "pole", "sign")
"""Names by class id. Hills are terrain, woods on the horizon vegetation, traffic lights signs."""
CLASS_IDS = {name: class_id for class_id, name in enumerate(PIXEL_CLASSES)} | {"ego": 255}
"""The car's own bonnet is of no class, as in Cityscapes (Cordts et al., CVPR 2016)."""
_COVERED = 128
"""From this opacity on, a pixel shows the thing."""


class ClassPlanes(Painting):
    """Takes the same paint as :class:`Painting` and keeps, for each pixel, the class of what covers it last."""

    def __init__(self, width_px: int, height_px: int) -> None:
        super().__init__(width_px, height_px, things_only=True)
        self.class_map: NDArray[np.uint8] = np.zeros(self.luma.shape, np.uint8)
        """(H, W) class ids, of even sides as luma is."""
        self._class_id = 0

    def paints(self, kind: str, identity: int = 0) -> None:
        """Take note of the class of what is painted from now on."""
        self._class_id = CLASS_IDS[kind]

    def fixed_polygon(self, luma_points: I32, chroma_points: I32, color: Yuv) -> None:
        """Mark a convex polygon."""
        shift = 1 << SUBPIXEL_BITS
        bounds = self._inside(luma_points.min(axis=0) // shift, luma_points.max(axis=0) // shift + 2)
        if bounds is None:
            return
        x0, y0, x1, y1 = bounds
        cover = np.zeros((y1 - y0, x1 - x0), np.uint8)
        moved = luma_points - np.array([x0, y0], np.int32) * shift
        cv2.fillConvexPoly(cover, moved, 255, cv2.LINE_AA, SUBPIXEL_BITS)
        self._mark(bounds, cover)

    def line(self, points_px: ArrayLike, color: Yuv, *, thickness_px: int = 1) -> None:
        """Mark a polyline."""
        points, _ = fixed_points(np.asarray(points_px, np.float64))
        cover = np.zeros_like(self.class_map)
        cv2.polylines(cover, [points], False, 255, thickness_px, cv2.LINE_AA, SUBPIXEL_BITS)
        self._mark((0, 0, cover.shape[1], cover.shape[0]), cover)

    def opaque_quad(self, luma: U8, chroma: U8, corners_px: ArrayLike, *, cut: float = 0.0) -> None:
        """Mark a quadrilateral."""
        self.polygon(corners_px, (0, 0, 0))

    def opaque_box(self, luma: U8, chroma: U8, box_xyxy_px: tuple[float, float, float, float]) -> None:
        """Mark a box of whole pixels."""
        left, top, right, bottom = (round(side / 2) * 2 for side in box_xyxy_px)
        bounds = self._inside((left, top), (right, bottom))
        if bounds is not None:
            x0, y0, x1, y1 = bounds
            self.class_map[y0:y1, x0:x1] = self._class_id

    def _blend(self, bounds: Bounds, parts: Parts, tone: Tone, opacity: float) -> None:
        self._mark(bounds, parts.faded(opacity).alpha)

    def _mark(self, bounds: Bounds, cover: U8) -> None:
        x0, y0, x1, y1 = bounds
        self.class_map[y0:y1, x0:x1][cover >= _COVERED] = self._class_id

    def _inside(self, low: ArrayLike, high: ArrayLike) -> Bounds | None:
        (x0, y0), (x1, y1) = np.asarray(low).tolist(), np.asarray(high).tolist()
        height, width = self.class_map.shape
        x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
        return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


class NumberPlanes(ClassPlanes):
    """Keeps, for each pixel, which of some things covers it last.

    Args:
        width_px: of the frame.
        height_px: of the frame.
        number_by_identity: 1..254 of each thing; all others are 0.
    """

    def __init__(self, width_px: int, height_px: int, number_by_identity: Mapping[int, int]) -> None:
        super().__init__(width_px, height_px)
        self._number_by_identity = number_by_identity

    def paints(self, kind: str, identity: int = 0) -> None:
        """Take note of the thing that is painted from now on."""
        self._class_id = self._number_by_identity.get(identity, 0)

    def taken_off(self, box_xyxy_px: tuple[float, float, float, float] | None) -> int:
        """Return how many pixels of the frame are painted around a box, and clear them."""
        if box_xyxy_px is None:
            return 0
        (left, top), (right, bottom) = box_xyxy_px[:2], box_xyxy_px[2:]
        bounds = self._inside((int(left) - 2, int(top) - 2), (int(right) + 3, int(bottom) + 3))
        if bounds is None:
            return 0
        x0, y0, x1, y1 = bounds
        count = int(np.count_nonzero(self.class_map[y0 : min(y1, self.height_px), x0 : min(x1, self.width_px)]))
        self.class_map[y0:y1, x0:x1] = 0
        return count

    def counts(self) -> NDArray[np.int64]:
        """Return (N + 1,) how many pixels of the frame each number has."""
        shown = self.class_map[: self.height_px, : self.width_px]
        return np.bincount(shown.ravel(), minlength=len(self._number_by_identity) + 1)
