"""Masks, keypoints, oriented boxes and the annotations of users' stages on a canvas."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.rendering.palette import BLACK, Color, color_from_rgb
from pipelines.rendering.yuv_drawing import YuvDrawing, mixing_table
from streamvision.core.detections import MIN_KEYPOINT_SCORE
from streamvision.core.masks import BoxMask
from streamvision.core.stage_output import Mark, Outline

MASK_OPACITY = 0.45


def tint(drawing: YuvDrawing, mask: BoxMask, color: Color) -> None:
    """Lay a colour over the pixels of an object; only its box is touched."""
    canvas, opacity = drawing.canvas, round(MASK_OPACITY * 255)
    left, top = max(mask.left_px, 0), max(mask.top_px, 0)
    bits = mask.bits[
        top - mask.top_px : canvas.height_px - mask.top_px, left - mask.left_px : canvas.width_px - mask.left_px
    ]
    _mix(canvas.y[top : top + bits.shape[0], left : left + bits.shape[1]], bits, color.y, opacity)
    # Colour has one value for four pixels: that of the pixel with even coordinates decides.
    coarse = bits[top & 1 :: 2, left & 1 :: 2]
    row, column = (top + 1) // 2, (left + 1) // 2
    for plane, level in ((canvas.u, color.u), (canvas.v, color.v)):
        _mix(plane[row : row + coarse.shape[0], column : column + coarse.shape[1]], coarse, level, opacity)


def outline_oriented(drawing: YuvDrawing, cxcywhr_px: NDArray[np.float32], color: Color, *, line_px: int) -> None:
    """Draw the four sides of an oriented box."""
    ring = corners_of(cxcywhr_px[None])[0]
    drawing.curves({color: [np.concatenate([ring, ring[:1]])]}, line_px=line_px)


def corners_of(cxcywhr_px: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (N, 4, 2) the corners of (N, 5) oriented boxes, in order round the box."""
    cos, sin = np.cos(cxcywhr_px[:, 4]), np.sin(cxcywhr_px[:, 4])
    along = np.stack([cos, sin], axis=1) * cxcywhr_px[:, 2:3] / 2
    across = np.stack([-sin, cos], axis=1) * cxcywhr_px[:, 3:4] / 2
    center = cxcywhr_px[:, :2]
    corners = [center - along - across, center + along - across, center + along + across, center - along + across]
    return np.stack(corners, axis=1).astype(np.float32)


def draw_keypoints(
    drawing: YuvDrawing,
    xy_px: NDArray[np.float32],
    score: NDArray[np.float32],
    skeleton: Sequence[tuple[int, int]],
    color: Color,
) -> None:
    """Draw the limbs and the keypoints of one object, as far as their score is high enough.

    Args:
        drawing: what to draw with.
        xy_px: (K, 2) keypoints.
        score: (K,) confidence of each.
        skeleton: pairs of keypoints to draw a line between.
        color: of the limbs.
    """
    seen = (score >= MIN_KEYPOINT_SCORE) & np.isfinite(xy_px).all(axis=1)
    limbs = [xy_px[[a, b]] for a, b in skeleton if max(a, b) < len(seen) and seen[a] and seen[b]]
    drawing.curves({color: limbs}, line_px=drawing.scale.line_px)
    radius_px = drawing.scale.line_px
    for x, y in np.rint(xy_px[seen]).astype(int).tolist():
        cv2.circle(drawing.canvas.y, (x, y), radius_px, BLACK.y, cv2.FILLED, cv2.LINE_AA)
        cv2.circle(drawing.canvas.y, (x, y), max(radius_px - 1, 1), color.y, cv2.FILLED, cv2.LINE_AA)
        for plane, level in ((drawing.canvas.u, color.u), (drawing.canvas.v, color.v)):
            cv2.circle(plane, (x // 2, y // 2), max(radius_px // 2, 1), level, cv2.FILLED)


def draw_annotations(drawing: YuvDrawing, annotations: Sequence[Mark]) -> None:
    """Draw outlines and notes of users' stages in their order; what reaches over the border is cut off."""
    for annotation in annotations:
        color = color_from_rgb(*annotation.color)
        if isinstance(annotation, Outline):
            points = annotation.points_px
            ring = np.array([*points, *(points[:1] if annotation.closed else ())], np.float32)
            drawing.curves({color: [ring] if points else []}, line_px=drawing.scale.line_px)
        else:
            left_px, top_px = annotation.at_px
            drawing.paste(drawing.text(annotation.text, background=color), round(left_px), round(top_px))


def _mix(region: NDArray[np.uint8], bits: NDArray[np.bool_], level: int, opacity: int) -> None:
    bits = bits[: region.shape[0], : region.shape[1]]
    if bits.size:
        cv2.copyTo(cv2.LUT(region, mixing_table(level, opacity)), np.ascontiguousarray(bits).view(np.uint8), region)
