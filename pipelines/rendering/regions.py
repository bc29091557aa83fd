"""Lines and zones of the analytics on a canvas, with their counts; and the heat map as a tint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.rendering.labels import Rect
from pipelines.rendering.palette import WHITE, turbo_tables
from pipelines.rendering.text import TextBitmap
from pipelines.rendering.yuv_drawing import YuvDrawing
from streamvision.core.analysis import Analysis, LineTally, heat_levels
from streamvision.core.picture import Canvas

HEAT_OPACITY = 0.65
_ARROW_OF_TEXT = 1.4
"""Length of a line's arrow, as a multiple of the height of text."""


def draw_regions(
    drawing: YuvDrawing, analysis: Analysis, *, taken: Sequence[Rect] = ()
) -> list[tuple[TextBitmap, Rect]]:
    """Draw lines with their arrows and the outlines of zones; return what is to be written at them, and where.

    Args:
        drawing: what to draw with.
        analysis: lines and zones with their counts.
        taken: places that are in use already; what would lie on one moves below it.
    """
    scale = drawing.scale
    size_px = np.array([drawing.width_px, drawing.height_px], np.float64)
    rings = [np.array([*zone.points, zone.points[0]]) * size_px for zone in analysis.zones]
    drawing.curves({WHITE: [ring.astype(np.float32) for ring in rings]}, line_px=scale.thin_px)
    ends = [np.array(line.points) * size_px for line in analysis.lines]
    curves = [curve.astype(np.float32) for pair in ends for curve in (pair, *_arrow(pair, scale.text_px))]
    drawing.curves({WHITE: curves}, line_px=scale.line_px)
    placed: list[tuple[TextBitmap, Rect]] = []
    for zone, ring in zip(analysis.zones, rings, strict=True):
        text = drawing.text(f"{zone.name}  {zone.inside}")
        placed.append((text, _free_place(drawing, text, ring.min(axis=0) + scale.pad_px, taken)))
    for line, pair in zip(analysis.lines, ends, strict=True):
        text = drawing.text("  ".join(_line_words(line)))
        # Behind the arrow, beside the line, so that both stay in sight.
        half_px, ahead = np.array([text.width_px, text.height_px]) / 2, _rightward(pair)
        center_px = pair.mean(axis=0) - ahead * (np.abs(ahead) @ half_px + scale.pad_px)
        placed.append((text, _free_place(drawing, text, center_px - half_px, taken)))
    return placed


def tint_heat(canvas: Canvas, seconds: NDArray[np.float32]) -> None:
    """Lay the heat map over the whole canvas: the more time was spent at a place, the stronger.

    Args:
        canvas: what to draw on.
        seconds: (h, w) seconds, of any size.
    """
    levels = heat_levels(seconds)
    if not levels.any():
        return
    opacity = np.minimum(levels.astype(np.float32) * (2 / 255), 1) * HEAT_OPACITY
    for plane, table in zip((canvas.y, canvas.u, canvas.v), turbo_tables(), strict=True):
        size = plane.shape[1], plane.shape[0]
        color: Any = cv2.resize(cv2.LUT(levels, table), size, interpolation=cv2.INTER_LINEAR)
        weight: Any = cv2.resize(opacity, size, interpolation=cv2.INTER_LINEAR)
        cv2.blendLinear(plane, color, 1 - weight, weight, dst=plane)


def _line_words(line: LineTally) -> Sequence[str]:
    totals = (sum(counts.values()) for counts in line.counts)
    return (line.name, *(f"{direction} {total}" for direction, total in zip(line.directions, totals, strict=True)))


def _free_place(drawing: YuvDrawing, text: TextBitmap, left_top_px: NDArray[np.float64], taken: Sequence[Rect]) -> Rect:
    """Return the place for a text: where it is wanted, but inside the picture and below what lies there already."""
    far_px = (drawing.width_px - text.width_px, drawing.height_px - text.height_px)
    left, top = (int(np.clip(at, 0, max(far, 0))) & ~1 for at, far in zip(left_top_px, far_px, strict=True))
    for used in taken:
        if used[0] < left + text.width_px and left < used[2] and used[1] < top + text.height_px and top < used[3]:
            top = used[3]
    return left, top, left + text.width_px, top + text.height_px


def _rightward(pair: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the direction, of length 1, to the right of a line on the picture, seen from its first point."""
    x, y = pair[1] - pair[0]
    return np.array([-y, x]) / max(float(np.hypot(x, y)), 1e-9)


def _arrow(pair: NDArray[np.float64], text_px: int) -> list[NDArray[np.float64]]:
    """Return the shaft and the head of the arrow that shows a line's first direction."""
    ahead = _rightward(pair) * _ARROW_OF_TEXT * text_px
    across = np.array([-ahead[1], ahead[0]])
    foot = pair.mean(axis=0)
    tip = foot + ahead
    return [np.stack([foot, tip]), np.stack([tip - 0.4 * (ahead + across), tip, tip - 0.4 * (ahead - across)])]
