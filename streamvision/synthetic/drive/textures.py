"""What is painted at random once: smooth noise, trees and bushes, fronts of houses."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.synthetic.drive.planes import U8, Sprite, Tone

F32 = NDArray[np.float32]


def fractal_noise(
    rng: np.random.Generator, width: int, height: int, *, cell_px: tuple[float, float], octaves: int = 4
) -> F32:
    """Return (height, width) float32 of mean 0 and deviation near 1: octaves of smooth noise, each half as large.

    ``cell_px`` is the size (x, y) of the largest blobs.
    """
    total = np.zeros((height, width), np.float32)
    weight, power = 1.0, 0.0
    for octave in range(octaves):
        columns, rows = (
            min(max(math.ceil(side * 2**octave / cell) + 1, 2), side)
            for side, cell in zip((width, height), cell_px, strict=True)
        )
        coarse = rng.standard_normal((rows, columns), np.float32)
        total += weight * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        power += weight**2
        weight *= 0.55
    total /= np.float32(0.75 * math.sqrt(power))
    return total


_TRUNK_BGR = (52, 66, 80)
_OVERSAMPLING = 2


def _canvas(width: int, height: int) -> U8:
    return np.zeros((height * _OVERSAMPLING, width * _OVERSAMPLING, 4), np.uint8)


def _finish(image: U8, rng: np.random.Generator) -> Sprite:
    size = (image.shape[1] // _OVERSAMPLING, image.shape[0] // _OVERSAMPLING)
    alpha = image[..., 3:].astype(np.float32) / 255
    straight = image[..., :3].astype(np.float32)
    speckle = fractal_noise(rng, image.shape[1], image.shape[0], cell_px=(10, 10), octaves=3)[..., None]
    shaded = np.clip(straight * (1 + 0.10 * speckle), 0, 255)
    small = cv2.resize(np.dstack([shaded * alpha, alpha * 255]), size, interpolation=cv2.INTER_AREA)
    opacity = small[..., 3:] / 255
    color = small[..., :3] / np.maximum(opacity, 1e-3)
    return Sprite.from_bgra(np.clip(np.dstack([color, small[..., 3:]]), 0, 255).astype(np.uint8))


def _clump(
    image: U8, rng: np.random.Generator, centers: NDArray[np.float64], radius: float, hue: tuple[float, float, float]
) -> None:
    """Paint leaves: dark ones first and low, light ones last and up left, as the sun would have it."""
    height, width = image.shape[:2]
    low, high = centers.min(axis=0), centers.max(axis=0)
    place = (centers - low) / np.maximum(high - low, 1e-6)
    lit = 1 - 0.65 * place[:, 1] - 0.35 * place[:, 0]
    order = np.argsort(lit + rng.uniform(-0.3, 0.3, len(lit)))
    light = 0.46 + 0.66 * np.clip(lit + rng.normal(0, 0.15, len(lit)), 0, 1)
    colors = np.clip(np.outer(light, hue) * rng.uniform(0.94, 1.06, (len(lit), 3)), 0, 255)
    sizes = np.maximum(radius * width * rng.uniform(0.45, 1.2, len(lit)), 1.5)
    turn = rng.uniform(0, 2 * np.pi, (len(lit), 1)) + np.linspace(0, 2 * np.pi, 7, endpoint=False)
    ragged = rng.uniform(0.55, 1.15, turn.shape) * sizes[:, None]
    points = (
        centers[:, None] * (width, height) + np.stack([np.cos(turn), 0.85 * np.sin(turn)], axis=2) * ragged[..., None]
    )
    fixed = np.rint(points * 8).astype(np.int32)
    for index in order.tolist():
        color = [int(channel) for channel in colors[index]]
        cv2.fillPoly(image, [fixed[index]], (*color, 255), cv2.LINE_AA, 3)


def broadleaf(rng: np.random.Generator) -> Sprite:
    """Return a tree with a round, ragged crown."""
    image = _canvas(150, 190)
    height, width = image.shape[:2]
    trunk = np.array([(0.47, 1.0), (0.485, 0.6), (0.515, 0.6), (0.535, 1.0)]) * (width, height)
    cv2.fillConvexPoly(image, trunk.astype(np.int32), (*_TRUNK_BGR, 255), cv2.LINE_AA)
    hue = (rng.uniform(34, 56), rng.uniform(108, 138), rng.uniform(70, 108))
    boughs = np.stack([rng.uniform(0.26, 0.74, 12), rng.uniform(0.18, 0.62, 12)], axis=1)
    boughs[:3] = (0.5, 0.2), (0.34, 0.45), (0.66, 0.45)
    around = rng.normal(0, 1, (620, 2)) * (0.072, 0.058) + boughs[rng.integers(0, len(boughs), 620)]
    _clump(image, rng, np.clip(around, (0.07, 0.06), (0.93, 0.80)), 0.034, hue)
    return _finish(image, rng)


def poplar(rng: np.random.Generator) -> Sprite:
    """Return a slender tree."""
    image = _canvas(80, 220)
    hue = (rng.uniform(38, 56), rng.uniform(104, 128), rng.uniform(66, 92))
    y = rng.uniform(0.05, 0.94, 480)
    reach = 0.36 * np.sqrt(np.clip(np.sin(np.pi * np.clip(y * 0.93 + 0.06, 0, 1)), 0, 1))
    _clump(image, rng, np.stack([0.5 + rng.uniform(-1, 1, 480) * reach, y], axis=1), 0.055, hue)
    return _finish(image, rng)


def conifer(rng: np.random.Generator) -> Sprite:
    """Return a spruce: many drooping twigs, shorter towards the top."""
    image = _canvas(130, 230)
    height, width = image.shape[:2]
    cv2.rectangle(image, (int(0.48 * width), int(0.86 * height)), (int(0.52 * width), height), (*_TRUNK_BGR, 255), -1)
    base = np.array((rng.uniform(42, 56), rng.uniform(80, 98), rng.uniform(48, 62)))
    count = 760
    y = np.sort(rng.uniform(0.0, 1.0, count) ** 0.62)[::-1] * 0.88 + 0.03
    tier = 0.82 + 0.18 * np.abs(np.sin(y * 38 + rng.uniform(0, 6)))
    reach = 0.45 * (y - 0.015) ** 0.9 * tier
    side = rng.uniform(-1, 1, count)
    x = 0.5 + side * reach
    light = 0.50 + 0.62 * np.clip(0.48 - 0.38 * side + rng.normal(0, 0.18, count), 0, 1)
    colors = np.clip(np.outer(light, base), 0, 255)
    droop, length = 0.018 + 0.030 * np.abs(side), 0.030 + 0.045 * y
    tips = np.stack([x + np.sign(side) * length * (0.4 + 0.6 * np.abs(side)), y + droop + 0.012], axis=1)
    roots = np.stack([x - np.sign(side) * length * 0.6, y - 0.012], axis=1)
    thick = np.stack([np.zeros(count), 0.010 + 0.010 * y], axis=1)
    fixed = np.rint(np.stack([roots - thick, tips, roots + thick], axis=1) * (width, height) * 8).astype(np.int32)
    for index in range(count):
        color = [int(channel) for channel in colors[index]]
        cv2.fillConvexPoly(image, fixed[index], (*color, 255), cv2.LINE_AA, 3)
    return _finish(image, rng)


def bush(rng: np.random.Generator) -> Sprite:
    """Return a low shrub."""
    image = _canvas(130, 70)
    hue = (rng.uniform(36, 60), rng.uniform(104, 140), rng.uniform(70, 120))
    angle, reach = rng.uniform(np.pi, 2 * np.pi, 300), np.sqrt(rng.uniform(0, 1, 300))
    centers = np.stack([0.5 + 0.42 * np.cos(angle) * reach, 0.94 + 0.72 * np.sin(angle) * reach], axis=1)
    _clump(image, rng, centers, 0.036, hue)
    return _finish(image, rng)


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
        self, level: int, halvings: int, gain: float, saturation: float, lamps: float, half_offset: int, *tint: int
    ) -> tuple[U8, U8]:
        wall, lit = self.wall.parts[level], self.lit_windows.parts[level]
        luma = cv2.convertScaleAbs(wall.luma, alpha=gain, beta=2 * half_offset)
        grey_u, grey_v = (128 * (1 - saturation) + part for part in tint)
        chroma = cv2.add(cv2.convertScaleAbs(wall.chroma, alpha=saturation), (grey_u, grey_v, 0, 0))
        if lamps > 0:
            luma = _mixed(luma, lit.luma, lit.alpha, lamps)
            chroma = _mixed(chroma, lit.chroma, lit.coverage, lamps)
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
