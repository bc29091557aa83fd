"""Light and shade without edges, and what lies between the scene and the picture.

Halos of lamps, their streaks on a wet road, soft shadows; rain in the air, the car's own bonnet, the sensor's grain.
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

from streamvision.synthetic.drive.planes import U8, Painting, Sprite, Stamp
from streamvision.synthetic.drive.view import Moment
from streamvision.synthetic.drive.weather import Weather

Rgb = tuple[int, int, int]
_SIZE_PX = 64
_AXIS = (np.arange(_SIZE_PX) + 0.5) / _SIZE_PX * 2 - 1
_STEPS_PER_OCTAVE = 4
_STREAKS_FROM_M = 140.0


@lru_cache(maxsize=16)
def _halo(rgb: Rgb) -> Sprite:
    """Return a round glow of a colour, bright in its middle."""
    reach = np.clip(np.hypot(_AXIS[:, None], _AXIS[None, :]), 0, 1)
    strength = (1 - reach) ** 2.2
    core = (strength**3)[..., None]
    color = np.array(rgb[::-1]) * (1 - core) + 255 * core
    return _sprite(color, strength)


@lru_cache(maxsize=256)
def _halo_stamp(rgb: Rgb, step: int) -> Stamp:
    size_px = 2 * max(round(2 ** (step / _STEPS_PER_OCTAVE)), 1)
    return Stamp.of(_halo(rgb), size_px, size_px)


@lru_cache(maxsize=16)
def _streak(rgb: Rgb) -> Sprite:
    """Return an upright smear of a colour, as a lamp mirrored by a rough wet road."""
    across = (np.arange(32) + 0.5) / 16 - 1
    down = (np.arange(_SIZE_PX) + 0.5) / _SIZE_PX
    strength = np.exp(-((across / 0.5) ** 2))[None, :] * (np.clip(down / 0.08, 0, 1) * (1 - down) ** 1.2)[:, None]
    return _sprite(np.broadcast_to(np.array(rgb[::-1], np.float64), (*strength.shape, 3)), strength)


@lru_cache(maxsize=1)
def _shade() -> Sprite:
    """Return a round soft shadow."""
    reach = np.hypot(_AXIS[:, None] ** 2, _AXIS[None, :] ** 2)
    return _sprite(np.full((_SIZE_PX, _SIZE_PX, 3), 14.0), np.clip((1 - reach) * 1.9, 0, 1))


def _sprite(color: np.ndarray, strength: np.ndarray) -> Sprite:
    bgra: U8 = np.clip(np.dstack([color, strength * 255]), 0, 255).astype(np.uint8)
    return Sprite.from_bgra(bgra, solid=False)


def draw_lamp(
    planes: Painting,
    moment: Moment,
    place_m: tuple[float, float, float],
    rgb: Rgb,
    *,
    radius_m: float,
    strength: float,
) -> None:
    """Draw the halo of a lamp at (x, height, z), and its mirror image on the road when that is wet."""
    (x_m, height_m, z_m), camera, wet = place_m, moment.camera, moment.weather.wet
    if z_m < 1.5 or strength < 0.02:
        return
    x, y, ground = camera.column_px(x_m, z_m), camera.row_px(height_m, z_m), camera.row_px(0.0, z_m)
    radius = max(radius_m * camera.scale_px_per_m(z_m), 1.8)
    step = round(_STEPS_PER_OCTAVE * math.log2(radius))
    planes.stamp(_halo_stamp(rgb, step), x, y, opacity=min(strength, 1.0))
    if wet > 0.05 and z_m < _STREAKS_FROM_M and ground < camera.height_px:
        wide, length = max(0.34 * radius, 1.2), max((ground - y) * 1.3 + radius, 4.0)
        box = (x - wide, ground, x + wide, ground + length)
        planes.sprite(_streak(rgb), box, opacity=min(0.6 * strength * wet, 1.0))


def draw_shadow(
    planes: Painting, moment: Moment, x_m: float, z_m: float, *, half_m: tuple[float, float], darkness: float
) -> None:
    """Darken the ground beneath something, ``half_m`` to each side and to front and back."""
    camera, (half_width_m, half_length_m) = moment.camera, half_m
    far, near = z_m + half_length_m, max(z_m - half_length_m, 1.2)
    if far <= near:
        return
    top, bottom = camera.row_px(0.0, far), camera.row_px(0.0, near)
    x = camera.column_px(x_m, max(z_m, 1.2))
    reach = half_width_m * camera.scale_px_per_m(max(z_m, 1.2))
    planes.sprite(_shade(), (x - reach, top, x + reach, bottom), opacity=darkness)


_SHEETS = 5
_DROPS = 1500
_GRAIN = 2.3
_BONNET_HEIGHT = 0.055


class Lens:
    """The overlays of one drive, painted once."""

    def __init__(self, rng: np.random.Generator, width_px: int, height_px: int) -> None:
        self._seed = int(rng.integers(1 << 31))
        height, width = (height_px + 1) // 2 * 2, (width_px + 1) // 2 * 2
        noise = rng.standard_normal((height + 64, width + 64), np.float32)
        noise += 0.6 * np.roll(noise, 1, axis=1)
        self._grain: U8 = np.clip(16 + _GRAIN / 1.17 * noise, 0, 255).astype(np.uint8)
        self._rain = [_rain_sheet(rng, width, height) for _ in range(_SHEETS)]
        self._bonnet = _bonnet(width, height)

    def draw(self, planes: Painting, index: int, weather: Weather) -> None:
        """Paint the overlays of a frame."""
        rng = np.random.default_rng((self._seed, index))
        height, width = planes.luma.shape
        if weather.rain > 0.02:
            sheet = self._rain[int(rng.integers(_SHEETS))]
            shift = int(rng.integers(width // 3))
            planes.luma[:] = cv2.scaleAdd(np.roll(sheet, -shift, axis=1), weather.rain, planes.luma)
        self.draw_bonnet(planes, weather)
        x, y = (int(v) for v in rng.integers(0, 64, 2))
        grain = self._grain[y : y + height, x : x + width]
        cv2.addWeighted(planes.luma, 1, grain, 1, -16, dst=planes.luma)

    def draw_bonnet(self, planes: Painting, weather: Weather) -> None:
        """Paint the car's own bonnet at the lower edge."""
        planes.paints("ego")
        middle_px = planes.width_px / 2, planes.luma.shape[0] - self._bonnet.parts.luma.shape[0] / 2
        planes.stamp(self._bonnet, *middle_px, tone=weather.tone_at(0.0))


def _rain_sheet(rng: np.random.Generator, width: int, height: int) -> U8:
    """Return streaks that lean with the wind and spread from where the car is heading."""
    sheet: U8 = np.zeros((height, width), np.uint8)
    scale = height / 720
    for _ in range(_DROPS):
        x, y = rng.uniform(0, width), rng.uniform(-40, height)
        near = rng.uniform() ** 3
        length = (9 + 42 * near) * scale
        lean = 0.10 + 0.25 * (x / width - 0.5) * (y / height + 0.3)
        end = (int((x + lean * length) * 8), int((y + length) * 8))
        light = int(11 + 30 * near)
        cv2.line(sheet, (int(x * 8), int(y * 8)), end, light, 2 if near > 0.8 else 1, cv2.LINE_AA, 3)
    return cv2.GaussianBlur(sheet, (3, 3), 0.7)  # type: ignore[no-any-return]


def _bonnet(width_px: int, height_px: int) -> Stamp:
    """Return the edge of the bonnet as the dashcam sees it."""
    rows = max(round(height_px * _BONNET_HEIGHT / 2), 2) * 2
    across = (np.arange(width_px) + 0.5) / width_px * 2 - 1
    edge = rows * (0.16 + 0.80 * np.abs(across) ** 2.6)
    depth = np.arange(rows)[:, None] + 0.5 - edge[None, :]
    alpha = np.clip(depth / 2 + 0.5, 0, 1)
    sheen = 26 + 52 * np.exp(-np.clip(depth, 0, None) / (0.12 * rows)) + 10 * np.cos(2.2 * across)[None, :]
    color = np.stack([sheen * 1.12, sheen, sheen * 0.92], axis=-1)
    image = np.dstack([np.clip(color, 0, 255), 255 * alpha]).astype(np.uint8)
    return Stamp.of(Sprite.from_bgra(image), width_px, rows)
