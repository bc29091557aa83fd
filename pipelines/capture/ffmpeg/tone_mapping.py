"""HDR and wide colours, brought to what screens and networks know: sRGB, as photographs have it.

Sources: ITU-R BT.2100-2 (PQ, HLG), BT.2087-0 (BT.2020 to BT.709), BT.2408 (diffuse white is at 203 cd/m2),
IEC 61966-2-1 (sRGB). Up to four fifths of diffuse white light stays as it is; what is brighter is compressed by the
curve of Reinhard et al. (2002), so that a highlight of 1000 cd/m2 is just white.

Colour is worked out at half size, as it is coded. The full picture only goes through one look-up of its luma, to which
the difference that colour makes is added.
"""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.picture import U8, YuvPicture

Transfer = Literal["pq", "hlg", "sdr"]
CodedMatrix = Literal["bt2020", "bt709"]
U16 = NDArray[np.uint16]
F32 = NDArray[np.float32]

LEVELS = 1024
"""Pictures come with 10 bits."""
DIFFUSE_WHITE_CD_M2 = 203.0
HLG_PEAK_CD_M2 = 1000.0
_KNEE = 0.8
_PEAK = HLG_PEAK_CD_M2 / DIFFUSE_WHITE_CD_M2
_HLG_GAMMA = 1.2
_ROOTS = 4096
"""Steps of the look-up from light to sRGB, even in the square root of light, as the eye nearly sees it."""
_LUMA_WEIGHTS: dict[CodedMatrix, tuple[float, float, float]] = {
    "bt2020": (0.2627, 0.6780, 0.0593),
    "bt709": (0.2126, 0.7152, 0.0722),
}
_BT2020_TO_BT709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
_RGB_TO_JPEG = np.array(
    [[0.299, 0.587, 0.114, 0.0], [-0.168736, -0.331264, 0.5, 128.0], [0.5, -0.418688, -0.081312, 128.0]]
)
"""BT.601 in full range, (3, 4)."""


class ToneMapper:
    """Maps frames of one kind.

    Args:
        transfer: how light is coded; ``sdr`` for BT.2020 colours without HDR.
        full_range: whether levels are 0..1023, not 64..940.
        matrix: the matrix of their YUV.
        wide: whether colours are BT.2020's, not BT.709's.
    """

    def __init__(
        self, transfer: Transfer, *, full_range: bool, matrix: CodedMatrix = "bt2020", wide: bool = True
    ) -> None:
        self._hlg = transfer == "hlg"
        self._luma_weights = np.array([_LUMA_WEIGHTS[matrix]], np.float32)
        self._to_rgb = _yuv_to_codes(full_range, _LUMA_WEIGHTS[matrix])
        codes = np.arange(LEVELS) / (LEVELS - 1)
        self._light = _light(codes, transfer).astype(np.float32)
        self._to_bt709 = (_BT2020_TO_BT709 if wide else np.eye(3)).astype(np.float32)
        roots = np.linspace(0, np.sqrt(_PEAK), _ROOTS) ** 2
        self._srgb = _srgb(roots if transfer == "sdr" else _compressed(roots)).round().astype(np.uint8)
        self._grey = self._grey_levels()

    def mapped(self, y: U16, u: U16, v: U16) -> YuvPicture:
        """Return a picture in full range, BT.601, from 10-bit planes (H, W) and twice (ceil(H/2), ceil(W/2))."""
        half_y = cv2.resize(y, (u.shape[1], u.shape[0]), interpolation=cv2.INTER_AREA)
        small = self._srgb_levels(self._display_light(cv2.merge([half_y, u, v])))
        luma, blue, red = cv2.split(cv2.transform(small, _RGB_TO_JPEG))
        by_colour = cv2.subtract(luma, self._grey.take(half_y, mode="clip"), dtype=cv2.CV_16S)
        by_colour = cv2.resize(by_colour, (y.shape[1], y.shape[0]), interpolation=cv2.INTER_LINEAR)
        full: Any = cv2.add(self._grey.take(y, mode="clip"), by_colour, dtype=cv2.CV_8U)
        return YuvPicture(full, blue, red, full_range=True, matrix="bt601")

    def _display_light(self, yuv: Any) -> F32:
        """Return (h, w, 3) BT.709 light, 1.0 at diffuse white, of 10-bit YUV."""
        codes = cv2.transform(yuv.astype(np.float32), self._to_rgb)
        light: Any = self._light.take(_indices(codes, 1.0), mode="clip")
        if self._hlg:
            luminance = np.ascontiguousarray(cv2.transform(light, self._luma_weights))
            gain = cv2.pow(luminance, _HLG_GAMMA - 1) * np.float32(HLG_PEAK_CD_M2 / DIFFUSE_WHITE_CD_M2)
            light *= gain[..., None]
        shown: F32 = cv2.transform(light, self._to_bt709)
        return shown

    def _srgb_levels(self, light: F32) -> U8:
        roots: Any = cv2.sqrt(np.maximum(light, 0, out=light))
        steps_per_root = (_ROOTS - 1) / float(np.sqrt(_PEAK))
        levels: U8 = np.take(self._srgb, _indices(roots, steps_per_root), mode="clip")
        return levels

    def _grey_levels(self) -> U8:
        """Return the sRGB level of grey by luma code, (1024,)."""
        luma = np.arange(LEVELS, dtype=np.float32)[None]
        neutral = np.full_like(luma, LEVELS / 2)
        levels = self._srgb_levels(self._display_light(cv2.merge([luma, neutral, neutral])))
        return np.ascontiguousarray(levels[0, :, 1])


def _indices(values: Any, scale: float) -> Any:
    """Return values times ``scale`` as indices, (h, w, 3) uint16, never below 0."""
    flat = cv2.multiply(values.reshape(values.shape[0], -1), scale, dtype=cv2.CV_16U)
    return flat.reshape(values.shape)


def _yuv_to_codes(full_range: bool, luma_weights: tuple[float, float, float]) -> F32:
    """Return the (3, 4) affine map from 10-bit YUV to RGB codes of 0..1023."""
    red, green, blue = luma_weights
    top = LEVELS - 1
    luma_gain, chroma_gain, zero = (1.0, 1.0, 0.0) if full_range else (top / 876, top / 896, 64.0)
    v_to_red, u_to_blue = 2 * (1 - red) * chroma_gain, 2 * (1 - blue) * chroma_gain
    u_to_green, v_to_green = -u_to_blue * blue / green, -v_to_red * red / green
    linear = np.array(
        [[luma_gain, 0, v_to_red], [luma_gain, u_to_green, v_to_green], [luma_gain, u_to_blue, 0]], np.float64
    )
    offset = -linear @ np.array([zero, LEVELS / 2, LEVELS / 2])
    return np.concatenate([linear, offset[:, None]], axis=1).astype(np.float32)


def _light(codes: NDArray[np.float64], transfer: Transfer) -> NDArray[np.float64]:
    """Return light by code of 0..1: 1.0 is diffuse white, or with HLG the scene's peak."""
    if transfer == "pq":
        powered = codes ** (1 / (2523 / 32))
        above = np.maximum(powered - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * powered)
        return 10_000 / DIFFUSE_WHITE_CD_M2 * above ** (1 / (2610 / 16384))
    if transfer == "hlg":
        bright = (np.exp((codes - 0.55991073) / 0.17883277) + 0.28466892) / 12
        return np.where(codes <= 0.5, codes**2 / 3, bright)
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


def _compressed(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return light in which 0..peak fills 0..1 and what lies below the knee is unchanged."""
    over, most = (light - _KNEE) / (1 - _KNEE), (_PEAK - _KNEE) / (1 - _KNEE)
    return np.where(light <= _KNEE, light, _KNEE + (1 - _KNEE) * over * (1 + over / most**2) / (1 + over))


def _srgb(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sRGB levels of 0..255."""
    light = np.clip(light, 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
