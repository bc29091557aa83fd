"""Drawing on the three planes of a canvas: luma at full size, chroma at half size, everything clipped at the border.

Shapes with straight edges sit on even pixels, so that a colour and its brightness end at the same place and no
fringe remains; they are filled by array slices, an order of magnitude faster than a line drawer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.rendering.palette import BLACK, Color
from pipelines.rendering.text import TextBitmap
from streamvision.core.picture import U8, Canvas

Box = tuple[int, int, int, int]

_SUBPIXEL_BITS = 3
_SUBPIXELS = 1 << _SUBPIXEL_BITS


@dataclass(frozen=True)
class Scale:
    """Sizes that follow the picture's, so that 640x360 and 4K look alike. All in pixels, all even."""

    line_px: int
    """Width of a box's coloured line."""
    thin_px: int
    """Width of the line around an object without identity, and of trails."""
    halo_px: int
    """Width of the dark rim on both sides of a line (need not be even)."""
    text_px: int
    """Height of a strip of text."""
    pad_px: int
    """Space beside a text."""

    @classmethod
    def of(cls, width_px: int, height_px: int) -> Scale:
        """Return the sizes for a picture, by its shorter side."""
        short_px = min(width_px, height_px)
        text_px = max(12, _even(8 + short_px / 58))
        return cls(
            line_px=max(2, _even(short_px / 300)),
            thin_px=max(2, _even(short_px / 540)),
            halo_px=1 if short_px < 1400 else 2,
            text_px=text_px,
            pad_px=max(4, _even(text_px * 0.28)),
        )


class YuvDrawing:
    """Draws on one canvas."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.scale = Scale.of(canvas.width_px, canvas.height_px)

    def fill(self, box: Box, color: Color) -> None:
        """Fill a box (left, top, right, bottom; made even) with an opaque colour."""
        luma, chroma = self._slices(box)
        self.canvas.y[luma] = color.y
        self.canvas.u[chroma] = color.u
        self.canvas.v[chroma] = color.v

    def shade(self, box: Box, color: Color, *, opacity: float) -> None:
        """Lay a translucent colour over a box."""
        luma, chroma = self._slices(box)
        for plane, region, level in (
            (self.canvas.y, luma, color.y),
            (self.canvas.u, chroma, color.u),
            (self.canvas.v, chroma, color.v),
        ):
            part = plane[region]
            if part.size:
                plane[region] = cv2.LUT(part, veil(level, round(opacity * 255)))

    def outline(self, box: Box, color: Color, *, line_px: int, dashed: bool = False) -> None:
        """Draw a box's edges: a coloured line between two dark rims, so that it shows on any picture.

        The line is centred on the edge; where the box touches the border it is moved inside.
        """
        left, top, right, bottom = self._line_frame(box, line_px)
        edges = (
            (left, top, right, top + line_px),
            (left, bottom - line_px, right, bottom),
            (left, top, left + line_px, bottom),
            (right - line_px, top, right, bottom),
        )
        rim = self.scale.halo_px
        for x0, y0, x1, y1 in edges:
            self._luma(x0 - rim, y0 - rim, x1 + rim, y1 + rim, BLACK.y, dashed)
        for edge in edges:
            if dashed:
                self._dash(edge, color)
            else:
                self.fill(edge, color)

    def curves(self, curves: Sequence[NDArray[np.float32]], color: Color, *, line_px: int) -> None:
        """Draw open polylines, each (n, 2) float32 x, y in pixels, all in one colour."""
        if not curves:
            return
        luma = [_fixed_point(curve - 0.5) for curve in curves]
        chroma = [_fixed_point(curve * 0.5 - 0.5) for curve in curves]
        rim_px = line_px + 2 * self.scale.halo_px
        _polylines(self.canvas.y, luma, BLACK.y, rim_px)
        _polylines(self.canvas.y, luma, color.y, line_px)
        _polylines(self.canvas.u, chroma, color.u, max(1, line_px // 2))
        _polylines(self.canvas.v, chroma, color.v, max(1, line_px // 2))

    def paste(self, strip: TextBitmap, left_px: int, top_px: int) -> None:
        """Copy a strip of text to an even position; what reaches over the border is cut off."""
        left_px, top_px = left_px & ~1, top_px & ~1
        x0, y0 = max(left_px, 0), max(top_px, 0)
        x1 = min(left_px + strip.width_px, self.canvas.width_px)
        y1 = min(top_px + strip.height_px, self.canvas.height_px)
        if x0 >= x1 or y0 >= y1:
            return
        self.canvas.y[y0:y1, x0:x1] = strip.y[y0 - top_px : y1 - top_px, x0 - left_px : x1 - left_px]
        x0, y0, x1, y1 = x0 // 2, y0 // 2, (x1 + 1) // 2, (y1 + 1) // 2
        left_px, top_px = left_px // 2, top_px // 2
        inside = slice(y0 - top_px, y1 - top_px), slice(x0 - left_px, x1 - left_px)
        self.canvas.u[y0:y1, x0:x1] = strip.u[inside]
        self.canvas.v[y0:y1, x0:x1] = strip.v[inside]

    def _line_frame(self, box: Box, line_px: int) -> Box:
        half_px = line_px // 2
        left, top = max(box[0] - half_px, 0) & ~1, max(box[1] - half_px, 0) & ~1
        right = min(box[2] + half_px, self.canvas.width_px) + 1 & ~1
        bottom = min(box[3] + half_px, self.canvas.height_px) + 1 & ~1
        return left, top, max(right, left + line_px), max(bottom, top + line_px)

    def _slices(self, box: Box) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        left, top = max(box[0], 0) // 2, max(box[1], 0) // 2
        right, bottom = max(box[2] + 1, 0) // 2, max(box[3] + 1, 0) // 2
        return (
            (slice(2 * top, 2 * bottom), slice(2 * left, 2 * right)),
            (slice(top, bottom), slice(left, right)),
        )

    def _luma(self, left: int, top: int, right: int, bottom: int, level: int, dashed: bool) -> None:
        region = self.canvas.y[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        if dashed:
            np.minimum(region, 96, out=region)  # a soft bed for the dashes
        else:
            region[...] = level

    def _dash(self, edge: Box, color: Color) -> None:
        luma, chroma = self._slices(edge)
        period = 4 * self.scale.thin_px
        for plane, region, level, step in (
            (self.canvas.y, luma, color.y, 1),
            (self.canvas.u, chroma, color.u, 2),
            (self.canvas.v, chroma, color.v, 2),
        ):
            part = plane[region]
            if part.shape[0] > part.shape[1]:
                part = part.T
            np.copyto(part, level, where=_dashes(part.shape[1], period // step))


def _even(value: float) -> int:
    return 2 * round(value / 2)


@lru_cache(maxsize=256)
def veil(level: int, opacity: int) -> U8:
    """Return the look-up table that mixes ``level`` into every brightness."""
    mixed = (np.arange(256) * (255 - opacity) + level * opacity) / 255
    return np.rint(mixed).astype(np.uint8)


@lru_cache(maxsize=4096)
def _dashes(length: int, period: int) -> NDArray[np.bool_]:
    """Return a row that is on for the first half of each period."""
    return np.arange(length) % period < max(1, period // 2)


def _fixed_point(curve: NDArray[np.float32]) -> NDArray[np.int32]:
    return np.rint(curve * _SUBPIXELS).astype(np.int32)


def _polylines(plane: U8, curves: list[NDArray[np.int32]], level: int, width_px: int) -> None:
    drawn: Any = curves
    cv2.polylines(plane, drawn, False, level, width_px, cv2.LINE_AA, _SUBPIXEL_BITS)
