"""Drawing on the three planes of a canvas: luma at full size, chroma at half size, everything clipped at the border.

Shapes with straight edges sit on even pixels, so that a colour and its brightness end at the same place and no
fringe remains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.rendering.palette import BLACK, Color
from pipelines.rendering.text import TextBitmap, drawable, render
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
    """Width of the dark halo on both sides of a line (need not be even)."""
    text_px: int
    """Height of a line of text."""
    pad_px: int
    """Space beside a text."""

    @staticmethod
    @lru_cache(maxsize=64)
    def of(width_px: int, height_px: int) -> Scale:
        """Return the sizes for a picture, by its shorter side."""
        short_px = min(width_px, height_px)
        text_px = max(12, _even(8 + short_px / 58))
        return Scale(
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
        self.width_px, self.height_px = canvas.width_px, canvas.height_px
        self.scale = Scale.of(self.width_px, self.height_px)

    def outline(self, box: Box, color: Color, *, line_px: int, dashed: bool = False) -> None:
        """Draw a box's edges: a coloured line between two dark halos, so that it shows on any picture.

        The line is centred on the edge; where the box touches the border it is moved inside.
        """
        half_px = line_px // 2
        left, top = max(box[0] - half_px, 0) & ~1, max(box[1] - half_px, 0) & ~1
        right = max(min(box[2] + half_px, self.width_px) + 1 & ~1, left + line_px)
        bottom = max(min(box[3] + half_px, self.height_px) + 1 & ~1, top + line_px)
        self._outline_luma(left, top, right, bottom, BLACK.y if dashed else color.y, line_px)
        if dashed:
            self._dash(left, top, right, bottom, color.y, line_px)
        left, top, right, bottom = left // 2, top // 2, right // 2, bottom // 2
        for plane, level in ((self.canvas.u, color.u), (self.canvas.v, color.v)):
            for inset in range(half_px):
                # One assignment for the first and the last row, one for the first and the last column.
                rows, columns = bottom - top - 1 - 2 * inset, right - left - 1 - 2 * inset
                plane[top + inset : bottom - inset : max(rows, 1), left:right] = level
                plane[top:bottom, left + inset : right - inset : max(columns, 1)] = level

    def curves(self, curves: Mapping[Color, Sequence[NDArray[np.float32]]], *, line_px: int) -> None:
        """Draw open polylines by colour, each (n, 2) float32 x, y in pixels; the halos of all lie below all lines."""
        with_halo_px, chroma_px = line_px + 2 * self.scale.halo_px, max(1, line_px // 2)
        luma = {color: [_fixed_point(curve - 0.5) for curve in group] for color, group in curves.items()}
        _curves(self.canvas.y, [curve for group in luma.values() for curve in group], BLACK.y, with_halo_px)
        for color, group in curves.items():
            _curves(self.canvas.y, luma[color], color.y, line_px)
            chroma = [_fixed_point(curve * 0.5 - 0.5) for curve in group]
            _curves(self.canvas.u, chroma, color.u, chroma_px)
            _curves(self.canvas.v, chroma, color.v, chroma_px)

    def text(self, text: str, *, background: Color = BLACK) -> TextBitmap:
        """Return a line of text in the size of this canvas, to be pasted."""
        scale = self.scale
        return render(drawable(text), scale.text_px, background, background.text_color, scale.pad_px, scale.pad_px)

    def paste(self, text: TextBitmap, left_px: int, top_px: int) -> None:
        """Copy a text to an even position; what reaches over the border is cut off."""
        canvas, (height, width) = self.canvas, text.u.shape
        left, top = left_px // 2, top_px // 2  # in chroma, whose pixels are two wide and two high
        right, bottom = left + width, top + height
        if left >= 0 and top >= 0 and 2 * right <= self.width_px and 2 * bottom <= self.height_px:
            canvas.y[2 * top : 2 * bottom, 2 * left : 2 * right] = text.y
            canvas.u[top:bottom, left:right] = text.u
            canvas.v[top:bottom, left:right] = text.v
            return
        for plane, pixels, factor in ((canvas.y, text.y, 2), (canvas.u, text.u, 1), (canvas.v, text.v, 1)):
            x, y = factor * left, factor * top
            inside = plane[max(y, 0) : max(factor * bottom, 0), max(x, 0) : max(factor * right, 0)]
            hidden_x, hidden_y = max(-x, 0), max(-y, 0)
            inside[...] = pixels[hidden_y : hidden_y + inside.shape[0], hidden_x : hidden_x + inside.shape[1]]

    def _outline_luma(self, left: int, top: int, right: int, bottom: int, level: int, line_px: int) -> None:
        halo_px, luma = self.scale.halo_px, self.canvas.y
        profile = _profile(level, line_px, halo_px)
        for start in (top - halo_px, bottom - line_px - halo_px):
            rows, inside = _clipped(start, profile, self.height_px)
            luma[rows, left:right] = inside[:, None]
        for start in (left - halo_px, right - line_px - halo_px):
            columns, inside = _clipped(start, profile, self.width_px)
            luma[top + line_px : bottom - line_px, columns] = inside

    def _dash(self, left: int, top: int, right: int, bottom: int, level: int, line_px: int) -> None:
        luma, dash_px = self.canvas.y, 2 * self.scale.thin_px
        for edge in (
            luma[top : top + line_px, left:right],
            luma[bottom - line_px : bottom, left:right],
            luma[top:bottom, left : left + line_px].T,
            luma[top:bottom, right - line_px : right].T,
        ):
            length_px = edge.shape[1]
            np.copyto(edge, level, where=_dashes(length_px.bit_length(), dash_px)[:length_px])


@lru_cache(maxsize=64)
def _profile(level: int, line_px: int, halo_px: int) -> U8:
    """Return the brightness across a line: halo, line, halo."""
    return np.array([BLACK.y] * halo_px + [level] * line_px + [BLACK.y] * halo_px, np.uint8)


def _clipped(start: int, profile: U8, limit: int) -> tuple[slice, U8]:
    """Return where a profile that begins at ``start`` lies within 0..limit, and the part of it that does."""
    if 0 <= start <= limit - len(profile):
        return slice(start, start + len(profile)), profile
    first = max(-start, 0)
    return slice(start + first, start + len(profile)), profile[first : max(limit - start, first)]


def _even(value: float) -> int:
    return 2 * round(value / 2)


@lru_cache(maxsize=256)
def mixing_table(level: int, opacity: int) -> U8:
    """Return the (256,) look-up table that mixes ``level`` into every brightness, by an opacity of 0..255."""
    mixed = (np.arange(256) * (255 - opacity) + level * opacity) / 255
    return np.rint(mixed).astype(np.uint8)


@lru_cache(maxsize=64)
def _dashes(length_bits: int, dash_px: int) -> NDArray[np.bool_]:
    """Return 2 to the power of ``length_bits`` pixels, the first ``dash_px`` on, the next off, and so forth."""
    return np.arange(1 << length_bits) % (2 * dash_px) < dash_px


def _fixed_point(curve: NDArray[np.float32]) -> NDArray[np.int32]:
    return np.rint(curve * _SUBPIXELS).astype(np.int32)


def _curves(plane: U8, curves: list[NDArray[np.int32]], level: int, width_px: int) -> None:
    if curves:
        drawn: Any = curves
        cv2.polylines(plane, drawn, False, level, width_px, cv2.LINE_AA, _SUBPIXEL_BITS)
