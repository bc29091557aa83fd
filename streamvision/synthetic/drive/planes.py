"""The frame under construction: full-range luma and interleaved chroma, and the few ways to put paint on it.

Drawing in YUV 4:2:0 touches half the bytes of BGR, and what comes out needs no conversion before JPEG.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamvision.core.picture import YuvPicture

U8 = NDArray[np.uint8]
Yuv = tuple[float, float, float]
I32 = NDArray[np.int32]
F64 = NDArray[np.float64]
Bounds = tuple[int, int, int, int]
SUBPIXEL_BITS = 4
_SUBPIXELS = 1 << SUBPIXEL_BITS
_FARTHEST_PX = 20000.0
_SMALLEST_SPRITE_PX = 1.5
_CRISP_BELOW_PX = 70.0
"""Lower sprites are placed to a fraction of a pixel; higher ones move too fast for whole pixels to show."""
_LARGE_FROM_PX = 260.0
"""Of higher sprites chroma is stretched at half the size; for lower ones that costs more calls than it saves pixels."""
_INVERSE_LINEAR = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR


@lru_cache(maxsize=4096)
def yuv_of(red: int, green: int, blue: int) -> Yuv:
    """Return a colour in full-range BT.601."""
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma, 128 + (blue - luma) / 1.772, 128 + (red - luma) / 1.402


class Tone(NamedTuple):
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

    def in_haze(self, color: Yuv, share: float) -> Tone:
        """Return this light, seen through haze of a colour that hides a share."""
        kept = 1 - share
        luma, u, v = color
        return Tone(
            self.gain * kept,
            self.offset * kept + luma * share,
            self.saturation * kept,
            self.tint_u * kept + (u - 128) * share,
            self.tint_v * kept + (v - 128) * share,
        )


NEUTRAL = Tone()


class Parts(NamedTuple):
    """A premultiplied texture, laid out as the planes that it is painted on."""

    luma: U8
    """(H, W)."""
    alpha: U8
    """(H, W) opacity."""
    chroma: U8
    """(H, W, 2), or half of that."""
    coverage: U8
    """Opacity, twice, as large as chroma."""

    def faded(self, opacity: float) -> Parts:
        """Return a share of it."""
        return Parts(*(cv2.convertScaleAbs(part, alpha=opacity) for part in self)) if opacity < 1.0 else self


@dataclass(frozen=True, eq=False)
class Sprite:
    """A texture with its smaller versions, premultiplied by its opacity."""

    layers: tuple[U8, ...]
    """(H, W, 4) each: blue and red difference, opacity, luma."""
    solid: bool = True
    """Whether it is a thing that hides what lies behind it; light and shade are not."""

    @classmethod
    def from_bgra(cls, bgra: U8, *, solid: bool = True) -> Sprite:
        """Make a sprite of a (H, W, 4) picture with straight alpha."""
        ycrcb = cv2.cvtColor(np.ascontiguousarray(bgra[..., :3]), cv2.COLOR_BGR2YCrCb)
        alpha = np.ascontiguousarray(bgra[..., 3])
        y, v, u = cv2.split(cv2.multiply(ycrcb, cv2.merge([alpha, alpha, alpha]), scale=1 / 255))
        levels: list[U8] = [cv2.merge([u, v, alpha, y])]
        while min(levels[-1].shape[:2]) >= 6:
            height, width = levels[-1].shape[:2]
            levels.append(cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
        return cls(tuple(levels), solid)

    @cached_property
    def parts(self) -> tuple[Parts, ...]:
        """Each layer taken apart, chroma in full size."""
        return tuple(_taken_apart(layer, layer) for layer in self.layers)

    @property
    def aspect(self) -> float:
        """Width over height."""
        height, width = self.layers[0].shape[:2]
        return float(width / height)

    def level_for(self, height_px: float) -> int:
        """Return the smallest version that needs hardly any enlarging."""
        ratio = self.layers[0].shape[0] / max(height_px, 1.0)
        return min(int(math.log2(max(ratio, 1.0)) + 0.25), len(self.layers) - 1)


class Painting:
    """A frame that is being painted; ``things_only`` leaves out light and shade."""

    def __init__(self, width_px: int, height_px: int, *, things_only: bool = False) -> None:
        self.width_px, self.height_px = width_px, height_px
        self._things_only = things_only
        half_width, half_height = (width_px + 1) // 2, (height_px + 1) // 2
        self.luma: U8 = np.empty((2 * half_height, 2 * half_width), np.uint8)
        self.chroma: U8 = np.empty((half_height, half_width, 2), np.uint8)

    def to_picture(self) -> YuvPicture:
        """Return a copy of what was painted."""
        u, v = cv2.split(self.chroma)
        return YuvPicture(self.luma[: self.height_px, : self.width_px].copy(), u, v, full_range=True)

    def paints(self, kind: str, identity: int = 0) -> None:
        """Take note of what is painted from now on; only maps of classes and of single things have use for it."""

    def polygon(self, points_px: ArrayLike, color: Yuv) -> None:
        """Fill a convex polygon, (N, 2) continuous pixel coordinates, with soft edges."""
        self.fixed_polygon(*fixed_points(np.asarray(points_px, np.float64)), color)

    def fixed_polygon(self, luma_points: I32, chroma_points: I32, color: Yuv) -> None:
        """Fill a convex polygon whose points come from :func:`fixed_points`."""
        luma, u, v = color
        cv2.fillConvexPoly(self.luma, luma_points, luma, cv2.LINE_AA, SUBPIXEL_BITS)
        cv2.fillConvexPoly(self.chroma, chroma_points, (u, v), cv2.LINE_AA, SUBPIXEL_BITS)

    def upright_box(self, box_xyxy_px: tuple[float, float, float, float], color: Yuv) -> None:
        """Fill an upright rectangle with soft edges."""
        left, top, right, bottom = (
            int(min(max(side, -_FARTHEST_PX), _FARTHEST_PX) * _SUBPIXELS - _SUBPIXELS / 2) for side in box_xyxy_px
        )
        points = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.int32)
        self.fixed_polygon(points, points // 2 - _SUBPIXELS // 4, color)

    def line(self, points_px: ArrayLike, color: Yuv, *, thickness_px: int = 1) -> None:
        """Draw a polyline, (N, 2) continuous pixel coordinates; its colour is left to what lies beneath."""
        points, _ = fixed_points(np.asarray(points_px, np.float64))
        cv2.polylines(self.luma, [points], False, color[0], thickness_px, cv2.LINE_AA, SUBPIXEL_BITS)

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
        bounds = self._even_bounds(left, top, right, bottom)
        if bounds is None or opacity <= 0.01 or (self._things_only and not sprite.solid):
            return
        level = sprite.level_for(bottom - top)
        if bottom - top >= _LARGE_FROM_PX:
            half_box, half_bounds = [side / 2 for side in box_xyxy_px], [side // 2 for side in bounds]
            places = [(box_xyxy_px, bounds)] * 2 + [(half_box, half_bounds)] * 2
            textures = [cv2.flip(part, 1) for part in sprite.parts[level]] if mirrored else sprite.parts[level]
            stretched = (_stretch(part, *place) for part, place in zip(textures, places, strict=True))
            self._blend(bounds, Parts(*stretched), tone, opacity)
            return
        if bottom - top >= _CRISP_BELOW_PX:
            texture = cv2.flip(sprite.layers[level], 1) if mirrored else sprite.layers[level]
            self._blend(bounds, _separated(_stretch(texture, box_xyxy_px, bounds)), tone, opacity)
            return
        texture = sprite.layers[level]
        height, width = texture.shape[:2]
        step_x, step_y = width / (right - left), height / (bottom - top)
        if mirrored:
            step_x, left = -step_x, right
        x0, y0, x1, y1 = bounds
        offset_x, offset_y = (x0 + 0.5 - left) * step_x - 0.5, (y0 + 0.5 - top) * step_y - 0.5
        matrix = np.array([[step_x, 0, offset_x], [0, step_y, offset_y]])
        patch = cv2.warpAffine(texture, matrix, (x1 - x0, y1 - y0), flags=_INVERSE_LINEAR)
        self._blend(bounds, _separated(patch), tone, opacity)

    def quad(self, sprite: Sprite, corners_px: ArrayLike, *, tone: Tone = NEUTRAL, opacity: float = 1.0) -> None:
        """Put a sprite onto a quadrilateral: (4, 2) corners, clockwise from the texture's top left."""
        corners = np.asarray(corners_px, np.float64)
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        bounds = self._even_bounds(left, top, right, bottom)
        if bounds is None or opacity <= 0.01:
            return
        texture = sprite.layers[sprite.level_for(bottom - top)]
        height, width = texture.shape[:2]
        x0, y0, x1, y1 = bounds
        source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) - np.float32(0.5)
        target = (corners - (x0 + 0.5, y0 + 0.5)).astype(np.float32)
        matrix = cv2.getPerspectiveTransform(target, source)
        patch = cv2.warpPerspective(texture, matrix, (x1 - x0, y1 - y0), flags=_INVERSE_LINEAR)
        self._blend(bounds, _separated(patch), tone, opacity)

    def opaque_quad(self, luma: U8, chroma: U8, corners_px: ArrayLike, *, cut: float = 0.0) -> None:
        """Put an opaque texture, (H, W) luma and (H, W, 2) chroma, onto a quadrilateral with soft edges.

        ``cut`` is the share of the texture that is left out on its left.
        """
        corners = np.asarray(corners_px, np.float64)
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        bounds = self._even_bounds(left, top, right, bottom)
        if bounds is None:
            return
        x0, y0, x1, y1 = bounds
        height, width = luma.shape
        begin = cut * width
        source = np.array([[begin, 0], [width, 0], [width, height], [begin, height]], np.float32) - np.float32(0.5)
        coarse = 2 if bottom - top > 1.1 * height else 1
        soft = fixed_points(corners - (x0, y0))
        for texture, plane, scale in ((luma, self.luma, 1), (chroma, self.chroma, 2)):
            target = ((corners - (x0, y0)) / (scale * coarse) - 0.5).astype(np.float32)
            matrix = cv2.getPerspectiveTransform(target, source)
            size = ((x1 - x0) // scale, (y1 - y0) // scale)
            small = (-(-size[0] // coarse), -(-size[1] // coarse))
            patch = cv2.warpPerspective(texture, matrix, small, flags=_INVERSE_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            if coarse > 1:
                patch = cv2.resize(patch, size, interpolation=cv2.INTER_LINEAR)
            alpha = np.zeros(patch.shape, np.uint8)
            cv2.fillConvexPoly(alpha, soft[scale - 1], (255, 255), cv2.LINE_AA, SUBPIXEL_BITS)
            part = plane[y0 // scale : y1 // scale, x0 // scale : x1 // scale]
            _over(part, cv2.multiply(patch, alpha, scale=1 / 255), alpha)

    def opaque_box(self, luma: U8, chroma: U8, box_xyxy_px: tuple[float, float, float, float]) -> None:
        """Put an opaque texture upright into a box of whole pixels."""
        left, top, right, bottom = (round(side / 2) * 2 for side in box_xyxy_px)
        bounds = self._even_bounds(left, top, right, bottom)
        if bounds is None:
            return
        for texture, plane, scale in ((luma, self.luma, 1), (chroma, self.chroma, 2)):
            box = (left // scale, top // scale, right // scale, bottom // scale)
            x0, y0, x1, y1 = (side // scale for side in bounds)
            plane[y0:y1, x0:x1] = _stretch(texture, box, (x0, y0, x1, y1))

    def _even_bounds(self, left: float, top: float, right: float, bottom: float) -> Bounds | None:
        """Return whole even pixels around a box within the frame, so that luma and chroma cover the same.

        ``None`` where nothing is to be seen of it.
        """
        if right - left < _SMALLEST_SPRITE_PX or bottom - top < _SMALLEST_SPRITE_PX:
            return None
        height, width = self.luma.shape
        x0, y0 = max(int(left // 2) * 2, 0), max(int(top // 2) * 2, 0)
        x1, y1 = min(int(-(-right // 2)) * 2, width), min(int(-(-bottom // 2)) * 2, height)
        return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None

    def stamp(self, stamp: Stamp, x_px: float, y_px: float, *, tone: Tone = NEUTRAL, opacity: float = 1.0) -> None:
        """Put a stamp's middle near a point."""
        height, width = stamp.parts.luma.shape
        x0, y0 = round((x_px - width / 2) / 2) * 2, round((y_px - height / 2) / 2) * 2
        left, top = max(-x0, 0), max(-y0, 0)
        right, bottom = min(self.luma.shape[1] - x0, width), min(self.luma.shape[0] - y0, height)
        if right <= left or bottom <= top or opacity <= 0.01 or (self._things_only and not stamp.solid):
            return
        full, half = np.s_[top:bottom, left:right], np.s_[top // 2 : bottom // 2, left // 2 : right // 2]
        bounds = (x0 + left, y0 + top, x0 + right, y0 + bottom)
        luma, alpha, chroma, coverage = stamp.parts
        self._blend(bounds, Parts(luma[full], alpha[full], chroma[half], coverage[half]), tone, opacity)

    def _blend(self, bounds: Bounds, parts: Parts, tone: Tone, opacity: float) -> None:
        x0, y0, x1, y1 = bounds
        luma, alpha, chroma, coverage = parts.faded(opacity)
        if tone is not NEUTRAL:
            luma = cv2.addWeighted(luma, tone.gain, alpha, tone.offset / 255, 0)
            grey_u, grey_v = (128 * (1 - tone.saturation) + tint for tint in (tone.tint_u, tone.tint_v))
            tinted = cv2.multiply(coverage, (grey_u / 255, grey_v / 255, 0, 0))
            chroma = cv2.addWeighted(chroma, tone.saturation, tinted, 1, 0)
        _over(self.luma[y0:y1, x0:x1], luma, alpha)
        _over(self.chroma[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2], chroma, coverage)


class Stamp(NamedTuple):
    """A sprite in one size, of whole even pixels: cheaper than a sprite, for what has no edges."""

    parts: Parts
    """With chroma of half its size."""
    solid: bool
    """As of the sprite."""

    @classmethod
    def of(cls, sprite: Sprite, width_px: int, height_px: int) -> Stamp:
        """Return a sprite in an even size."""
        size = (width_px, height_px)
        patch = cv2.resize(sprite.layers[sprite.level_for(height_px)], size, interpolation=cv2.INTER_LINEAR)
        return cls(_separated(patch), sprite.solid)


def fixed_points(points_px: F64) -> tuple[I32, I32]:
    """Return (..., 2) continuous pixel coordinates as OpenCV's fixed-point ones, for luma and for chroma."""
    points = np.minimum(np.maximum(points_px, -_FARTHEST_PX), _FARTHEST_PX)
    luma = points * _SUBPIXELS - (_SUBPIXELS / 2 - 0.5)
    return luma.astype(np.int32), (luma / 2 - _SUBPIXELS / 4).astype(np.int32)


def _stretch(texture: U8, box: Sequence[float], bounds: Sequence[int]) -> U8:
    """Return the texture resized to the box, to whole pixels, and cut to (or padded to) the bounds."""
    left, top, right, bottom = box
    x0, y0, x1, y1 = bounds
    height, width = texture.shape[:2]
    step_x, step_y = (right - left) / width, (bottom - top) / height
    column0, column1 = max(int((x0 - left) / step_x), 0), min(math.ceil((x1 - left) / step_x), width)
    row0, row1 = max(int((y0 - top) / step_y), 0), min(math.ceil((y1 - top) / step_y), height)
    begin_x, end_x = round(left + column0 * step_x), round(left + column1 * step_x)
    begin_y, end_y = round(top + row0 * step_y), round(top + row1 * step_y)
    from_x, to_x, from_y, to_y = max(begin_x, x0), min(end_x, x1), max(begin_y, y0), min(end_y, y1)
    shape = (y1 - y0, x1 - x0, *texture.shape[2:])
    if from_x >= to_x or from_y >= to_y:
        return np.zeros(shape, np.uint8)
    size = (end_x - begin_x, end_y - begin_y)
    patch: U8 = cv2.resize(texture[row0:row1, column0:column1], size, interpolation=cv2.INTER_LINEAR)
    patch = patch[from_y - begin_y : to_y - begin_y, from_x - begin_x : to_x - begin_x]
    if patch.shape == shape:
        return patch
    padded = np.zeros(shape, np.uint8)
    padded[from_y - y0 : to_y - y0, from_x - x0 : to_x - x0] = patch
    return padded


def _separated(patch: U8) -> Parts:
    """Take a patch of even size apart, laid out as a sprite, and halve its chroma."""
    height, width = patch.shape[:2]
    return _taken_apart(patch, cv2.resize(patch, (width // 2, height // 2), interpolation=cv2.INTER_AREA))


def _taken_apart(fine: U8, coarse: U8) -> Parts:
    """Take luma of one texture and chroma of another."""
    chroma, coverage = (np.empty((*coarse.shape[:2], 2), np.uint8) for _ in range(2))
    cv2.mixChannels([coarse], [chroma, coverage], [0, 0, 1, 1, 2, 2, 2, 3])
    return Parts(cv2.extractChannel(fine, 3), cv2.extractChannel(fine, 2), chroma, coverage)


def _over(target: U8, premultiplied: U8, alpha: U8) -> None:
    """Porter and Duff's "over", in place."""
    kept = cv2.multiply(target, cv2.bitwise_not(alpha), scale=1 / 255)
    cv2.add(kept, premultiplied, dst=target)
