"""Trees and bushes, grown at random once: clumps of leaves, lit from above, dark beneath."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.synthetic.drive.noise import fractal_noise
from streamvision.synthetic.drive.planes import U8, Sprite

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
