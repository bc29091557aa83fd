"""Pictures as they come from a decoder: YUV 4:2:0 planes, or BGR, with one set of operations for both.

Decoders give YUV 4:2:0 and JPEG wants it, so the full-size picture is never converted to RGB unless user code
asks. Only the small image that the network sees is. Colour follows ITU-R BT.601 and BT.709; JPEG (JFIF) is
BT.601 in full range.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.resampling import Kernel, Window, antialiased

if TYPE_CHECKING:
    from typing_extensions import Self

U8 = NDArray[np.uint8]
ColorMatrix = Literal["bt601", "bt709", "smpte240m"]

_LUMA_WEIGHTS: dict[ColorMatrix, tuple[float, float]] = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "smpte240m": (0.212, 0.087),
}
"""Of red and of blue (ITU-R BT.601-7, BT.709-6, SMPTE 240M)."""
_LUMA = np.array([[255 / 219, -16 * 255 / 219]])
_CHROMA = np.array([[255 / 224, 128 - 128 * 255 / 224]])
"""Gain and offset from limited-range levels to 0..255, (1, 2)."""
_PART_ZERO = 64.0
"""Chroma's part of the luma is at most 40 above or below it."""


class Picture(Protocol):
    """What every stage may ask of a picture, whatever its memory layout."""

    @property
    def width_px(self) -> int:
        """Width in pixels."""

    @property
    def height_px(self) -> int:
        """Height in pixels."""

    @property
    def known(self) -> Mapping[str, float]:
        """Numbers by name that are known of the moment, such as a car's own speed, for networks that are given them."""

    def scaled(self, width_px: int) -> Picture:
        """Return a copy of that width, in the same shape; the picture itself where it is no wider than that."""

    def to_bgr(self) -> U8:
        """Return the full picture as (H, W, 3) uint8 BGR; treat it as read-only."""

    def resize_rgb(self, width_px: int, height_px: int) -> U8:
        """Return the picture stretched to the given size as (height_px, width_px, 3) uint8 RGB."""

    def resize_rgb_smoothly(self, width_px: int, height_px: int, window: Window, kernel: Kernel = "bilinear") -> U8:
        """Return a window of the picture stretched to the given size with antialiasing, as (h, w, 3) uint8 RGB."""

    def to_canvas(self) -> Canvas:
        """Return a fresh full-range copy that may be drawn on and encoded as JPEG."""


@dataclass(frozen=True, eq=False)
class Planes:
    """YUV 4:2:0: luma for each pixel, colour for each square of four."""

    y: U8
    """(H, W) luma."""
    u: U8
    """(ceil(H/2), ceil(W/2)) blue difference, centred on 128."""
    v: U8
    """(ceil(H/2), ceil(W/2)) red difference, centred on 128."""

    @property
    def width_px(self) -> int:
        """Width in pixels."""
        return int(self.y.shape[1])

    @property
    def height_px(self) -> int:
        """Height in pixels."""
        return int(self.y.shape[0])

    def scaled(self, width_px: int) -> Self:
        """Return a copy of that width, in the same shape; the picture itself where it is no wider than that."""
        if width_px >= self.width_px:
            return self
        half = (width_px // 2, max(round(width_px * self.height_px / self.width_px / 2), 1))
        full = (2 * half[0], 2 * half[1])
        # Below half the size neighbours would be passed over; above it a mean takes six times as long.
        kernel = cv2.INTER_AREA if 2 * width_px <= self.width_px else cv2.INTER_LINEAR
        y, u, v = (
            cv2.resize(plane, size, interpolation=kernel)
            for plane, size in ((self.y, full), (self.u, half), (self.v, half))
        )
        return replace(self, y=y, u=u, v=v)


@dataclass(frozen=True, eq=False)
class Canvas(Planes):
    """Writable full-range (0..255) BT.601 planes: what is drawn on, and what JPEG and video encoders take."""

    def __repr__(self) -> str:
        return f"Canvas({self.width_px}x{self.height_px})"


@dataclass(frozen=True, eq=False)
class BgrPicture:
    """A picture that arrived as BGR: image files, and sources that are drawn."""

    bgr: U8
    """(H, W, 3) uint8, C-contiguous."""
    known: Mapping[str, float] = field(default_factory=dict, repr=False)
    """Numbers by name that are known of the moment."""

    def __post_init__(self) -> None:
        if self.bgr.ndim != 3 or self.bgr.shape[2] != 3 or self.bgr.dtype != np.uint8:
            raise ValueError(f"bgr must be (H, W, 3) uint8, not {self.bgr.shape} {self.bgr.dtype}")

    @property
    def width_px(self) -> int:
        """Width in pixels."""
        return int(self.bgr.shape[1])

    @property
    def height_px(self) -> int:
        """Height in pixels."""
        return int(self.bgr.shape[0])

    def scaled(self, width_px: int) -> BgrPicture:
        """Return a copy of that width, in the same shape; the picture itself where it is no wider than that."""
        if width_px >= self.width_px:
            return self
        size = (width_px, max(round(width_px * self.height_px / self.width_px), 1))
        return replace(self, bgr=cv2.resize(self.bgr, size, interpolation=cv2.INTER_AREA))

    def to_bgr(self) -> U8:
        """Return the picture itself."""
        return self.bgr

    def resize_rgb(self, width_px: int, height_px: int) -> U8:
        """Return the picture stretched to the given size, as RGB."""
        small: Any = self.bgr
        if (width_px, height_px) != (self.width_px, self.height_px):
            small = cv2.resize(small, (width_px, height_px), interpolation=cv2.INTER_LINEAR)
        return cv2.cvtColor(small, cv2.COLOR_BGR2RGB)  # type: ignore[no-any-return]

    def resize_rgb_smoothly(self, width_px: int, height_px: int, window: Window, kernel: Kernel = "bilinear") -> U8:
        """Return a window of the picture stretched to the given size with antialiasing, as RGB."""
        small = antialiased(self.bgr, width_px, height_px, window, kernel)
        return cv2.cvtColor(small, cv2.COLOR_BGR2RGB)  # type: ignore[no-any-return]

    def to_canvas(self) -> Canvas:
        """Return the picture as full-range YUV 4:2:0."""
        half = ((self.width_px + 1) // 2, (self.height_px + 1) // 2)
        # Colour is averaged first: a quarter of the pixels to convert, and no large planes that are thrown away.
        ycrcb = cv2.cvtColor(cv2.resize(self.bgr, half, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2YCrCb)
        luma = cv2.cvtColor(self.bgr, cv2.COLOR_BGR2GRAY)  # full range, as JFIF
        return Canvas(luma, cv2.extractChannel(ycrcb, 2), cv2.extractChannel(ycrcb, 1))

    def __repr__(self) -> str:
        return f"BgrPicture({self.width_px}x{self.height_px})"


@dataclass(frozen=True, eq=False)
class YuvPicture(Planes):
    """A decoded video frame: three planes that may still belong to the decoder, so never write to them.

    Their rows may be padded (strided views).
    """

    full_range: bool = False
    """True for 0..255 (JPEG, many webcams), False for 16..235 (broadcast, most H.264)."""
    matrix: ColorMatrix = "bt601"
    """Which matrix leads back to RGB."""
    owner: object = field(default=None, repr=False)
    """Whatever must stay alive while the planes are in use, such as the decoder's frame."""
    known: Mapping[str, float] = field(default_factory=dict, repr=False)
    """Numbers by name that are known of the moment."""

    def __post_init__(self) -> None:
        half = ((self.y.shape[0] + 1) // 2, (self.y.shape[1] + 1) // 2)
        if self.u.shape != half or self.v.shape != half:
            raise ValueError(f"chroma must be {half} for luma {self.y.shape}, not {self.u.shape}, {self.v.shape}")

    def to_bgr(self) -> U8:
        """Convert the full picture; costs several milliseconds at 1080p, so only user code asks."""
        rgb = self.resize_rgb(self.width_px, self.height_px)
        return cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)  # type: ignore[no-any-return]

    def resize_rgb(self, width_px: int, height_px: int) -> U8:
        """Resize each plane, then convert: the large picture is never touched in RGB."""
        size = (width_px, height_px)
        planes: list[Any] = [self.y, self.u, self.v]
        small = [p if p.shape == size[::-1] else cv2.resize(p, size, interpolation=cv2.INTER_LINEAR) for p in planes]
        coefficients = yuv_to_rgb(self.full_range, self.matrix)
        return cv2.transform(cv2.merge(small), coefficients)  # type: ignore[no-any-return]

    def resize_rgb_smoothly(self, width_px: int, height_px: int, window: Window, kernel: Kernel = "bilinear") -> U8:
        """Resize each plane with antialiasing, then convert."""
        small: Any = [antialiased(plane, width_px, height_px, window, kernel) for plane in (self.y, self.u, self.v)]
        coefficients = yuv_to_rgb(self.full_range, self.matrix)
        return cv2.transform(cv2.merge(small), coefficients)  # type: ignore[no-any-return]

    def to_canvas(self) -> Canvas:
        """Copy the planes, expanded to full range where they are limited, and into BT.601 where they are not in it."""
        if self.matrix != "bt601":
            return self._in_bt601()
        if self.full_range:
            return Canvas(self.y.copy(), self.u.copy(), self.v.copy())
        return Canvas(_expanded(self.y, _LUMA), _expanded(self.u, _CHROMA), _expanded(self.v, _CHROMA))

    def _in_bt601(self) -> Canvas:
        # What luma takes of the chroma is put together at half size and then enlarged. Plane by plane this costs 0.7 ms
        # more at 720p, through one three-channel matrix 2.3.
        (luma, chroma_u, chroma_v), (luma_offset, u_offset, v_offset) = _yuv_to_canvas(self.full_range, self.matrix)
        part = cv2.addWeighted(self.u, luma[1], self.v, luma[2], luma_offset + _PART_ZERO)
        part = cv2.resize(part, (self.width_px, self.height_px), interpolation=cv2.INTER_LINEAR)
        return Canvas(
            cv2.addWeighted(self.y, luma[0], part, 1.0, -_PART_ZERO),
            cv2.addWeighted(self.u, chroma_u[1], self.v, chroma_u[2], u_offset),
            cv2.addWeighted(self.u, chroma_v[1], self.v, chroma_v[2], v_offset),
        )

    def __repr__(self) -> str:
        value_range = "full" if self.full_range else "limited"
        return f"YuvPicture({self.width_px}x{self.height_px}, {value_range} range, {self.matrix})"


@lru_cache(maxsize=8)
def yuv_to_rgb(full_range: bool, matrix: ColorMatrix) -> NDArray[np.float32]:
    """Return the (3, 4) affine map from levels of Y, U and V to levels of R, G and B."""
    red_weight, blue_weight = _LUMA_WEIGHTS[matrix]
    green_weight = 1.0 - red_weight - blue_weight
    luma_gain, chroma_gain, luma_zero = (1.0, 1.0, 0.0) if full_range else (255 / 219, 255 / 224, 16.0)
    v_to_red = 2 * (1 - red_weight) * chroma_gain
    u_to_blue = 2 * (1 - blue_weight) * chroma_gain
    u_to_green = -u_to_blue * blue_weight / green_weight
    v_to_green = -v_to_red * red_weight / green_weight
    linear = np.array(
        [[luma_gain, 0, v_to_red], [luma_gain, u_to_green, v_to_green], [luma_gain, u_to_blue, 0]], np.float64
    )
    offset = -linear @ np.array([luma_zero, 128.0, 128.0])
    return np.concatenate([linear, offset[:, None]], axis=1).astype(np.float32)


@lru_cache(maxsize=8)
def _yuv_to_canvas(full_range: bool, matrix: ColorMatrix) -> tuple[list[list[float]], list[float]]:
    """Return the (3, 3) factors and the (3,) offsets from uint8 YUV to a canvas' YUV."""
    to_rgb = yuv_to_rgb(full_range, matrix).astype(np.float64)
    from_canvas = yuv_to_rgb(True, "bt601").astype(np.float64)
    to_yuv = np.linalg.inv(from_canvas[:, :3])
    linear, offset = to_yuv @ to_rgb[:, :3], to_yuv @ (to_rgb[:, 3] - from_canvas[:, 3])
    return linear.tolist(), offset.tolist()


def _expanded(plane: U8, gain_offset: NDArray[np.float64]) -> U8:
    # Of one channel this is a saturating multiply and add: a third of a look-up's time, two thirds of addWeighted's.
    return cv2.transform(plane, gain_offset)  # type: ignore[no-any-return]
