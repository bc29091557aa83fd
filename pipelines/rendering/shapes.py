"""Masks, keypoints and oriented boxes of single objects on a canvas."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.rendering.palette import BLACK, Color
from pipelines.rendering.yuv_drawing import YuvDrawing, veil
from streamvision.core.masks import BoxMask

MASK_OPACITY = 0.45
SURE_ENOUGH = 0.25
"""Keypoints less sure than this are not drawn; those behind something are seldom where they are said to be."""


def tint(brush: YuvDrawing, mask: BoxMask, color: Color) -> None:
    """Lay a colour over the pixels of an object; only its box is touched."""
    canvas, opacity = brush.canvas, round(MASK_OPACITY * 255)
    bits, left, top = _on_canvas(mask, canvas.width_px, canvas.height_px)
    _mix(canvas.y[top : top + bits.shape[0], left : left + bits.shape[1]], bits, color.y, opacity)
    # Colour has one value for four pixels: that of the pixel with even coordinates decides.
    coarse = bits[top & 1 :: 2, left & 1 :: 2]
    row, column = (top + 1) // 2, (left + 1) // 2
    for plane, level in ((canvas.u, color.u), (canvas.v, color.v)):
        _mix(plane[row : row + coarse.shape[0], column : column + coarse.shape[1]], coarse, level, opacity)


def outline_oriented(brush: YuvDrawing, cxcywhr_px: NDArray[np.float32], color: Color, *, line_px: int) -> None:
    """Draw the four sides of an oriented box."""
    ring = corners_of(cxcywhr_px[None])[0]
    brush.curves([np.concatenate([ring, ring[:1]])], color, line_px=line_px)


def corners_of(cxcywhr_px: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (N, 4, 2) the corners of (N, 5) oriented boxes, in order round the box."""
    cos, sin = np.cos(cxcywhr_px[:, 4]), np.sin(cxcywhr_px[:, 4])
    along = np.stack([cos, sin], axis=1) * cxcywhr_px[:, 2:3] / 2
    across = np.stack([-sin, cos], axis=1) * cxcywhr_px[:, 3:4] / 2
    center = cxcywhr_px[:, :2]
    corners = [center - along - across, center + along - across, center + along + across, center - along + across]
    return np.stack(corners, axis=1).astype(np.float32)


def draw_keypoints(
    brush: YuvDrawing,
    xy_px: NDArray[np.float32],
    score: NDArray[np.float32],
    skeleton: Sequence[tuple[int, int]],
    color: Color,
) -> None:
    """Draw the limbs and the keypoints of one object, those that are sure enough.

    Args:
        brush: what to draw with.
        xy_px: (K, 2) keypoints.
        score: (K,) how sure each is.
        skeleton: pairs of keypoints to draw a line between.
        color: of the limbs.
    """
    seen = (score >= SURE_ENOUGH) & np.isfinite(xy_px).all(axis=1)
    limbs = [xy_px[[a, b]] for a, b in skeleton if max(a, b) < len(seen) and seen[a] and seen[b]]
    brush.curves(limbs, color, line_px=brush.scale.line_px)
    radius_px = brush.scale.line_px
    for x, y in np.rint(xy_px[seen]).astype(int).tolist():
        cv2.circle(brush.canvas.y, (x, y), radius_px, BLACK.y, cv2.FILLED, cv2.LINE_AA)
        cv2.circle(brush.canvas.y, (x, y), max(radius_px - 1, 1), color.y, cv2.FILLED, cv2.LINE_AA)
        for plane, level in ((brush.canvas.u, color.u), (brush.canvas.v, color.v)):
            cv2.circle(plane, (x // 2, y // 2), max(radius_px // 2, 1), level, cv2.FILLED)


def _mix(region: NDArray[np.uint8], bits: NDArray[np.bool_], level: int, opacity: int) -> None:
    bits = bits[: region.shape[0], : region.shape[1]]
    if bits.size:
        cv2.copyTo(cv2.LUT(region, veil(level, opacity)), np.ascontiguousarray(bits).view(np.uint8), region)


def _on_canvas(mask: BoxMask, width_px: int, height_px: int) -> tuple[NDArray[np.bool_], int, int]:
    """Return the bits that lie on the canvas, and where they begin."""
    left, top = max(mask.left_px, 0), max(mask.top_px, 0)
    bits = mask.bits[top - mask.top_px : height_px - mask.top_px, left - mask.left_px : width_px - mask.left_px]
    return bits, left, top
