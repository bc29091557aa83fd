"""The frame under construction: full-range luma and interleaved chroma, and the few ways to put paint on it.

Drawing in YUV 4:2:0 touches half the bytes of BGR, and what comes out needs no conversion before JPEG.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamvision.picture import YuvPicture

U8 = NDArray[np.uint8]
Yuv = tuple[float, float, float]
_SUBPIXEL_BITS = 4
_SMALLEST_SPRITE_PX = 1.5


@lru_cache(maxsize=4096)
def yuv_of(red: int, green: int, blue: int) -> Yuv:
    """Return a colour in full-range BT.601."""
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma, 128 + (blue - luma) / 1.772, 128 + (red - luma) / 1.402


@dataclass(frozen=True)
class Tone:
    """How light and haze change a neutral texture: affine in luma and in chroma about grey."""

    gain: float = 1.0
    """Factor on luma."""
    offset: float = 0.0
    """Added to luma."""
    saturation: float = 1.0
    """Factor on chroma."""
    tint_u: float = 0.0
    """Added to blue difference."""
    tint_v: float = 0.0
    """Added to red difference."""

    def apply(self, color: Yuv) -> Yuv:
        """Return a colour in this light."""
        luma, u, v = color
        return (
            luma * self.gain + self.offset,
            128 + (u - 128) * self.saturation + self.tint_u,
            128 + (v - 128) * self.saturation + self.tint_v,
        )


NEUTRAL = Tone()


@dataclass(frozen=True, eq=False)
class Sprite:
    """A texture with its smaller versions, premultiplied by its opacity."""

    luma_alpha: tuple[U8, ...]
    """(H, W, 2) each: luma and opacity."""
    chroma_alpha: tuple[U8, ...]
    """(H, W, 4) each: both chroma planes, and the opacity twice."""

    @classmethod
    def from_bgra(cls, bgra: U8) -> Sprite:
        """Make a sprite of a (H, W, 4) picture with straight alpha."""
        bgr = bgra[..., :3]
        ycrcb = cv2.cvtColor(np.ascontiguousarray(bgr), cv2.COLOR_BGR2YCrCb)
        alpha = bgra[..., 3]
        premultiplied = cv2.multiply(ycrcb, cv2.merge([alpha, alpha, alpha]), scale=1 / 255)
        full: U8 = np.dstack([premultiplied[..., 0], premultiplied[..., 2], premultiplied[..., 1], alpha])
        lumas, chromas = [], []
        while True:
            lumas.append(np.ascontiguousarray(full[..., [0, 3]]))
            chromas.append(np.ascontiguousarray(full[..., [1, 2, 3, 3]]))
            if min(full.shape[:2]) < 6:
                return cls(tuple(lumas), tuple(chromas))
            full = cv2.resize(full, (full.shape[1] // 2, full.shape[0] // 2), interpolation=cv2.INTER_AREA)

    @property
    def aspect(self) -> float:
        """Width over height."""
        height, width = self.luma_alpha[0].shape[:2]
        return width / height

    def level_for(self, height_px: float) -> int:
        """Return the smallest version that needs no enlarging."""
        ratio = self.luma_alpha[0].shape[0] / max(height_px, 1.0)
        return int(np.clip(np.floor(np.log2(max(ratio, 1.0)) + 0.25), 0, len(self.luma_alpha) - 1))


class Planes:
    """A frame that is being painted."""

    def __init__(self, width_px: int, height_px: int) -> None:
        self.width_px, self.height_px = width_px, height_px
        half_width, half_height = (width_px + 1) // 2, (height_px + 1) // 2
        self.luma: U8 = np.empty((2 * half_height, 2 * half_width), np.uint8)
        self.chroma: U8 = np.empty((half_height, half_width, 2), np.uint8)

    def to_picture(self) -> YuvPicture:
        """Return a copy of what was painted."""
        u, v = cv2.split(self.chroma)
        return YuvPicture(self.luma[: self.height_px, : self.width_px].copy(), u, v, full_range=True)

    def polygon(self, points_px: ArrayLike, color: Yuv) -> None:
        """Fill a convex polygon, (N, 2) continuous pixel coordinates, with soft edges."""
        points = np.clip(np.asarray(points_px, np.float64), -20000, 20000)
        low, high = points.min(axis=0), points.max(axis=0)
        if high[0] < 0 or high[1] < 0 or low[0] > self.width_px or low[1] > self.height_px:
            return
        luma, u, v = color
        scale = 1 << _SUBPIXEL_BITS
        fixed = np.rint((points - 0.5) * scale).astype(np.int32)
        cv2.fillConvexPoly(self.luma, fixed, luma, cv2.LINE_AA, _SUBPIXEL_BITS)
        fixed = np.rint((points / 2 - 0.5) * scale).astype(np.int32)
        cv2.fillConvexPoly(self.chroma, fixed, (u, v), cv2.LINE_AA, _SUBPIXEL_BITS)

    def line(self, points_px: ArrayLike, color: Yuv, *, thickness_px: int = 1) -> None:
        """Draw a polyline, (N, 2) continuous pixel coordinates."""
        scale = 1 << _SUBPIXEL_BITS
        points = np.clip(np.asarray(points_px, np.float64), -20000, 20000)
        fixed = np.rint((points - 0.5) * scale).astype(np.int32)
        cv2.polylines(self.luma, [fixed], False, color[0], thickness_px, cv2.LINE_AA, _SUBPIXEL_BITS)

    def sprite(
        self,
        sprite: Sprite,
        box_xyxy_px: tuple[float, float, float, float],
        *,
        tone: Tone = NEUTRAL,
        opacity: float = 1.0,
        mirrored: bool = False,
    ) -> None:
        """Put a sprite upright into a box, which may reach beyond the frame."""
        left, top, right, bottom = box_xyxy_px
        if right - left < _SMALLEST_SPRITE_PX or bottom - top < _SMALLEST_SPRITE_PX or opacity <= 0.01:
            return
        bounds = self._even_bounds(left, top, right, bottom)
        if bounds is None:
            return
        level = sprite.level_for(bottom - top)
        luma_alpha, chroma_alpha = sprite.luma_alpha[level], sprite.chroma_alpha[level]
        height, width = luma_alpha.shape[:2]
        step_x, step_y = width / (right - left), height / (bottom - top)
        begin_x = left
        if mirrored:
            step_x, begin_x = -step_x, right
        x0, y0, x1, y1 = bounds
        flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR

        def warp(texture: U8, scale: int) -> U8:
            offset_x = (x0 + scale / 2 - begin_x) * step_x - 0.5
            offset_y = (y0 + scale / 2 - top) * step_y - 0.5
            matrix = np.array([[step_x * scale, 0, offset_x], [0, step_y * scale, offset_y]])
            size = ((x1 - x0) // scale, (y1 - y0) // scale)
            return cv2.warpAffine(texture, matrix, size, flags=flags)  # type: ignore[no-any-return]

        self._blend(bounds, warp(luma_alpha, 1), warp(chroma_alpha, 2), tone, opacity)

    def quad(
        self, sprite: Sprite, corners_px: ArrayLike, *, tone: Tone = NEUTRAL, opacity: float = 1.0, cut: float = 0.0
    ) -> None:
        """Put a sprite onto a quadrilateral: (4, 2) corners, clockwise from the texture's top left.

        ``cut`` is the share of the texture that is left out on its left.
        """
        corners = np.asarray(corners_px, np.float64)
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        bounds = self._even_bounds(left, top, right, bottom)
        if (
            bounds is None
            or right - left < _SMALLEST_SPRITE_PX
            or bottom - top < _SMALLEST_SPRITE_PX
            or opacity <= 0.01
        ):
            return
        level = sprite.level_for(bottom - top)
        luma_alpha, chroma_alpha = sprite.luma_alpha[level], sprite.chroma_alpha[level]
        height, width = luma_alpha.shape[:2]
        x0, y0, x1, y1 = bounds
        begin = cut * width
        source = np.array([[begin, 0], [width, 0], [width, height], [begin, height]], np.float32) - np.float32(0.5)

        def warp(texture: U8, scale: int) -> U8:
            target = ((corners - (x0, y0)) / scale - 0.5).astype(np.float32)
            matrix = cv2.getPerspectiveTransform(target, source)
            size = ((x1 - x0) // scale, (y1 - y0) // scale)
            flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
            return cv2.warpPerspective(texture, matrix, size, flags=flags)  # type: ignore[no-any-return]

        self._blend(bounds, warp(luma_alpha, 1), warp(chroma_alpha, 2), tone, opacity)

    def _even_bounds(self, left: float, top: float, right: float, bottom: float) -> tuple[int, int, int, int] | None:
        """Return whole even pixels around a box within the frame, so that luma and chroma cover the same."""
        height, width = self.luma.shape
        x0, y0 = max(int(left // 2) * 2, 0), max(int(top // 2) * 2, 0)
        x1, y1 = min(int(-(-right // 2)) * 2, width), min(int(-(-bottom // 2)) * 2, height)
        return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None

    def _blend(
        self, bounds: tuple[int, int, int, int], luma_alpha: U8, chroma_alpha: U8, tone: Tone, opacity: float
    ) -> None:
        x0, y0, x1, y1 = bounds
        luma, alpha = cv2.split(luma_alpha)
        gain, offset, saturation = tone.gain, tone.offset, tone.saturation
        if opacity != 1.0:
            alpha = cv2.convertScaleAbs(alpha, alpha=opacity)
            luma = cv2.convertScaleAbs(luma, alpha=opacity)
            chroma_alpha = cv2.convertScaleAbs(chroma_alpha, alpha=opacity)
        chroma, coverage = _halves(chroma_alpha)
        if tone is not NEUTRAL:
            luma = cv2.addWeighted(luma, gain, alpha, offset / 255, 0)
            grey_u, grey_v = 128 * (1 - saturation) + tone.tint_u, 128 * (1 - saturation) + tone.tint_v
            tinted = cv2.multiply(coverage, (grey_u / 255, grey_v / 255, 0, 0))
            chroma = cv2.addWeighted(chroma, saturation, tinted, 1, 0)
        _over(self.luma[y0:y1, x0:x1], luma, alpha)
        _over(self.chroma[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2], chroma, coverage)


def _halves(four: U8) -> tuple[U8, U8]:
    """Split (H, W, 4) into its first and last two channels."""
    height, width = four.shape[:2]
    first, second = np.empty((height, width, 2), np.uint8), np.empty((height, width, 2), np.uint8)
    cv2.mixChannels([four], [first, second], [0, 0, 1, 1, 2, 2, 3, 3])
    return first, second


def _over(target: U8, premultiplied: U8, alpha: U8) -> None:
    """Porter and Duff's "over", in place."""
    kept = cv2.multiply(target, cv2.bitwise_not(alpha), scale=1 / 255)
    cv2.add(kept, premultiplied, dst=target)
