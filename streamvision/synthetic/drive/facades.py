"""Fronts of houses: plaster or brick with rows of windows, and the same windows lit for the evening."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np

from streamvision.synthetic.drive.noise import fractal_noise
from streamvision.synthetic.drive.planes import U8, Sprite, Tone

_PLASTER_BGR = ((196, 212, 224), (168, 196, 214), (150, 166, 206), (178, 186, 178), (120, 138, 188), (210, 206, 196))
_TEXTURES_KEPT = 48
_WIDTH_PX, _HEIGHT_PX = 320, 200


@dataclass(frozen=True, eq=False)
class Facade:
    """A front, by day and by night."""

    wall: Sprite
    """All of it, in daylight."""
    lit_windows: Sprite
    """Only the windows behind which a lamp burns."""
    _textures: dict[tuple[float, ...], tuple[U8, U8]] = field(default_factory=dict)

    def texture(self, width_px: float, height_px: float, *, tone: Tone, lamps: float) -> tuple[U8, U8]:
        """Return luma (H, W) and chroma (H, W, 2) in a light, about as fine as a front of that size can show."""
        level = self.wall.level_for(height_px)
        columns = self.wall.layers[level].shape[1]
        halvings = round(math.log2(columns / width_px)) if columns > 2 * width_px > 2 else 0
        gain, saturation, lamps = (round(value * 48) / 48 for value in (tone.gain, tone.saturation, lamps))
        shifts = round(tone.offset / 2), round(tone.tint_u), round(tone.tint_v)
        key = (level, halvings, gain, saturation, lamps, *shifts)
        if key not in self._textures:
            if len(self._textures) >= _TEXTURES_KEPT:
                self._textures.clear()
            self._textures[key] = self._paint(level, halvings, gain, saturation, lamps, *shifts)
        return self._textures[key]

    def _paint(
        self,
        level: int,
        halvings: int,
        gain: float,
        saturation: float,
        lamps: float,
        half_offset: int,
        tint_u: int,
        tint_v: int,
    ) -> tuple[U8, U8]:
        wall, lit = self.wall, self.lit_windows
        luma = cv2.convertScaleAbs(wall.luma[level], alpha=gain, beta=2 * half_offset)
        grey = 128 * (1 - saturation)
        chroma = cv2.add(
            cv2.convertScaleAbs(wall.chroma[level], alpha=saturation), (grey + tint_u, grey + tint_v, 0, 0)
        )
        if lamps > 0:
            luma = _mixed(luma, lit.luma[level], lit.alpha[level], lamps)
            chroma = _mixed(chroma, lit.chroma[level], lit.coverage[level], lamps)
        if halvings:
            size = (max(luma.shape[1] >> halvings, 2), luma.shape[0])
            luma, chroma = (cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in (luma, chroma))
        return luma, chroma


def _mixed(below: U8, premultiplied: U8, alpha: U8, share: float) -> U8:
    kept = cv2.multiply(below, cv2.bitwise_not(cv2.convertScaleAbs(alpha, alpha=share)), scale=1 / 255)
    return cv2.scaleAdd(premultiplied, share, kept)  # type: ignore[no-any-return]


def create_facade(rng: np.random.Generator) -> Facade:
    """Paint a front."""
    plaster = np.array(_PLASTER_BGR[rng.integers(len(_PLASTER_BGR))], np.float32) * rng.uniform(0.80, 0.98)
    stains = fractal_noise(rng, _WIDTH_PX, _HEIGHT_PX, cell_px=(60, 90), octaves=5)[..., None]
    rows = np.linspace(1.04, 0.90, _HEIGHT_PX, dtype=np.float32)[:, None, None]
    wall = np.clip(plaster * rows * (1 + 0.035 * stains), 0, 255).astype(np.uint8)
    lit = np.zeros((_HEIGHT_PX, _WIDTH_PX, 4), np.uint8)
    floors, bays = int(rng.integers(4, 7)), int(rng.integers(7, 11))
    floor_px, bay_px = _HEIGHT_PX / floors, _WIDTH_PX / bays
    wide, tall = bay_px * rng.uniform(0.42, 0.6), floor_px * rng.uniform(0.48, 0.6)
    balconies = rng.uniform() < 0.5
    for floor in range(floors):
        y0 = int(floor * floor_px + 0.2 * floor_px)
        y1 = int(y0 + tall)
        cv2.line(wall, (0, int(floor * floor_px)), (_WIDTH_PX, int(floor * floor_px)), (plaster * 0.82).tolist(), 1)
        for bay in range(bays):
            x0 = int((bay + 0.5) * bay_px - wide / 2)
            x1 = int(x0 + wide)
            glass = np.array((92, 88, 82), np.float32) * rng.uniform(0.55, 1.25)
            cv2.rectangle(wall, (x0 - 1, y0 - 1), (x1 + 1, y1 + 1), (plaster * 1.08).clip(0, 255).tolist(), -1)
            cv2.rectangle(wall, (x0, y0), (x1, y1), glass.tolist(), -1)
            cv2.rectangle(wall, (x0, y0), (x1, y0 + max((y1 - y0) // 3, 1)), (glass * 1.35).tolist(), -1)
            cv2.line(wall, ((x0 + x1) // 2, y0), ((x0 + x1) // 2, y1), (plaster * 1.02).clip(0, 255).tolist(), 1)
            if rng.uniform() < 0.42:
                warmth = rng.uniform(0.7, 1.0)
                cv2.rectangle(lit, (x0, y0), (x1, y1), (int(110 * warmth), int(196 * warmth), 250, 235), -1)
            if balconies and bay % 3 == 1 and floor < floors - 1:
                cv2.rectangle(wall, (x0 - 5, y1 - 6), (x1 + 5, y1 + 4), (plaster * 0.7).tolist(), -1)
                cv2.line(wall, (x0 - 5, y1 - 6), (x1 + 5, y1 - 6), (plaster * 0.95).tolist(), 1)
    cv2.rectangle(wall, (0, 0), (_WIDTH_PX - 1, 5), (plaster * 0.62).tolist(), -1)
    opaque = np.full(wall.shape[:2], 255, np.uint8)
    return Facade(Sprite.from_bgra(np.dstack([wall, opaque])), Sprite.from_bgra(lit))
