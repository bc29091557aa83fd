"""Light and shade without edges: halos of lamps, their streaks on a wet road, and soft shadows."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from streamvision.synthetic.drive.camera import Camera
from streamvision.synthetic.drive.planes import U8, Planes, Sprite, Stamp
from streamvision.synthetic.drive.weather import Weather

Rgb = tuple[int, int, int]
_SIZE_PX = 64
_STEPS_PER_OCTAVE = 4
_STREAKS_FROM_M = 140.0


@lru_cache(maxsize=16)
def halo(rgb: Rgb) -> Sprite:
    """Return a round glow of a colour, bright in its middle."""
    axis = (np.arange(_SIZE_PX) + 0.5) / _SIZE_PX * 2 - 1
    reach = np.clip(np.hypot(axis[:, None], axis[None, :]), 0, 1)
    strength = (1 - reach) ** 2.2
    core = (strength**3)[..., None]
    color = np.array(rgb[::-1]) * (1 - core) + 255 * core
    return _sprite(color, strength)


@lru_cache(maxsize=256)
def _halo_stamp(rgb: Rgb, step: int) -> Stamp:
    size_px = 2 * max(round(2 ** (step / _STEPS_PER_OCTAVE)), 1)
    return Stamp.of(halo(rgb), size_px, size_px)


@lru_cache(maxsize=16)
def streak(rgb: Rgb) -> Sprite:
    """Return an upright smear of a colour, as a lamp mirrored by a rough wet road."""
    across = (np.arange(32) + 0.5) / 16 - 1
    down = (np.arange(_SIZE_PX) + 0.5) / _SIZE_PX
    strength = np.exp(-((across / 0.5) ** 2))[None, :] * (np.clip(down / 0.08, 0, 1) * (1 - down) ** 1.2)[:, None]
    return _sprite(np.broadcast_to(np.array(rgb[::-1], np.float64), (*strength.shape, 3)), strength)


@lru_cache(maxsize=1)
def shade() -> Sprite:
    """Return a round soft shadow."""
    axis = (np.arange(_SIZE_PX) + 0.5) / _SIZE_PX * 2 - 1
    reach = np.hypot(axis[:, None] ** 2, axis[None, :] ** 2)
    return _sprite(np.full((_SIZE_PX, _SIZE_PX, 3), 14.0), np.clip((1 - reach) * 1.9, 0, 1))


def _sprite(color: np.ndarray, strength: np.ndarray) -> Sprite:
    bgra: U8 = np.clip(np.dstack([color, strength * 255]), 0, 255).astype(np.uint8)
    return Sprite.from_bgra(bgra, solid=False)


def draw_lamp(
    planes: Planes,
    camera: Camera,
    weather: Weather,
    *,
    x_m: float,
    height_m: float,
    z_m: float,
    rgb: Rgb,
    radius_m: float,
    strength: float,
) -> None:
    """Draw a lamp's halo, and its mirror image on the road when that is wet."""
    if z_m < 1.5 or strength < 0.02:
        return
    x, y, ground = camera.column_px(x_m, z_m), camera.row_px(height_m, z_m), camera.row_px(0.0, z_m)
    radius = max(radius_m * camera.scale_px_per_m(z_m), 1.8)
    step = round(_STEPS_PER_OCTAVE * math.log2(radius))
    planes.stamp(_halo_stamp(rgb, step), x, y, opacity=min(strength, 1.0))
    if weather.wet > 0.05 and z_m < _STREAKS_FROM_M and ground < camera.height_px:
        wide = max(0.34 * radius, 1.2)
        length = max((ground - y) * 1.3 + radius, 4.0)
        planes.sprite(
            streak(rgb), (x - wide, ground, x + wide, ground + length), opacity=min(0.6 * strength * weather.wet, 1.0)
        )


def draw_shadow(
    planes: Planes,
    camera: Camera,
    *,
    x_m: float,
    z_m: float,
    half_width_m: float,
    half_length_m: float,
    darkness: float,
) -> None:
    """Darken the ground beneath something."""
    far, near = z_m + half_length_m, max(z_m - half_length_m, 1.2)
    if far <= near:
        return
    top, bottom = camera.row_px(0.0, far), camera.row_px(0.0, near)
    x = camera.column_px(x_m, max(z_m, 1.2))
    reach = half_width_m * camera.scale_px_per_m(max(z_m, 1.2))
    planes.sprite(shade(), (x - reach, top, x + reach, bottom), opacity=darkness)
