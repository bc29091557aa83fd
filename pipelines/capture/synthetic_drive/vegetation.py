"""Trees and bushes, grown at random once: clumps of leaves, lit from above, dark beneath."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.capture.synthetic_drive.noise import fractal_noise
from pipelines.capture.synthetic_drive.planes import U8, Sprite

_TRUNK_BGR = (52, 66, 80)
_OVERSAMPLING = 2


def _canvas(width: int, height: int) -> U8:
    return np.zeros((height * _OVERSAMPLING, width * _OVERSAMPLING, 4), np.uint8)


def _finish(image: U8, rng: np.random.Generator) -> Sprite:
    size = (image.shape[1] // _OVERSAMPLING, image.shape[0] // _OVERSAMPLING)
    alpha = image[..., 3:].astype(np.float32) / 255
    straight = image[..., :3].astype(np.float32)
    speckle = fractal_noise(rng, image.shape[1], image.shape[0], cell_px=(10, 10), octaves=3)[..., None]
    shaded = np.clip(straight * (1 + 0.13 * speckle), 0, 255)
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
    extent = np.maximum(high - low, 1e-6)
    lit = 1 - 0.65 * (centers[:, 1] - low[1]) / extent[1] - 0.35 * (centers[:, 0] - low[0]) / extent[0]
    for index in np.argsort(lit + rng.uniform(-0.25, 0.25, len(lit))):
        light = 0.52 + 0.62 * np.clip(lit[index] + rng.normal(0, 0.13), 0, 1)
        color = [int(np.clip(channel * light, 0, 255)) for channel in hue]
        x, y = centers[index] * (width, height)
        size = max(int(radius * width * rng.uniform(0.55, 1.15)), 1)
        axes = (size, max(int(size * rng.uniform(0.55, 0.9)), 1))
        cv2.ellipse(image, (int(x), int(y)), axes, rng.uniform(-40, 40), 0, 360, (*color, 255), -1, cv2.LINE_AA)


def broadleaf(rng: np.random.Generator) -> Sprite:
    """Return a tree with a round, ragged crown."""
    image = _canvas(150, 190)
    height, width = image.shape[:2]
    trunk = np.array([(0.47, 1.0), (0.485, 0.6), (0.515, 0.6), (0.535, 1.0)]) * (width, height)
    cv2.fillConvexPoly(image, trunk.astype(np.int32), (*_TRUNK_BGR, 255), cv2.LINE_AA)
    hue = (rng.uniform(34, 60), rng.uniform(112, 146), rng.uniform(70, 112))
    boughs = np.stack([rng.uniform(0.24, 0.76, 11), rng.uniform(0.18, 0.62, 11)], axis=1)
    boughs[:3] = (0.5, 0.2), (0.34, 0.45), (0.66, 0.45)
    around = rng.normal(0, 1, (240, 2)) * (0.075, 0.06) + boughs[rng.integers(0, len(boughs), 240)]
    _clump(image, rng, np.clip(around, (0.07, 0.06), (0.93, 0.80)), 0.058, hue)
    return _finish(image, rng)


def poplar(rng: np.random.Generator) -> Sprite:
    """Return a slender tree."""
    image = _canvas(80, 220)
    hue = (rng.uniform(38, 56), rng.uniform(104, 128), rng.uniform(66, 92))
    y = rng.uniform(0.05, 0.94, 230)
    reach = 0.36 * np.sqrt(np.clip(np.sin(np.pi * np.clip(y * 0.93 + 0.06, 0, 1)), 0, 1))
    _clump(image, rng, np.stack([0.5 + rng.uniform(-1, 1, 230) * reach, y], axis=1), 0.085, hue)
    return _finish(image, rng)


def conifer(rng: np.random.Generator) -> Sprite:
    """Return a spruce: tiers of drooping branches."""
    image = _canvas(120, 220)
    height, width = image.shape[:2]
    cv2.rectangle(image, (int(0.475 * width), int(0.86 * height)), (int(0.525 * width), height), (*_TRUNK_BGR, 255), -1)
    base = np.array((rng.uniform(42, 58), rng.uniform(82, 100), rng.uniform(46, 62)))
    for y in np.linspace(0.90, 0.05, 26):
        reach = 0.46 * (y - 0.02) ** 0.85 * rng.uniform(0.88, 1.08)
        for x in np.linspace(-reach, reach, max(int(reach * 34), 3)) + rng.normal(0, 0.012):
            drop = 0.05 + 0.05 * rng.uniform() + 0.05 * abs(x)
            light = 0.62 + 0.5 * np.clip(0.5 - 0.9 * x / 0.46 * 0.5 + rng.normal(0, 0.16), 0, 1)
            points = np.array(
                [(0.5 + 0.82 * x - 0.022, y - 0.045), (0.5 + 0.82 * x + 0.022, y - 0.045), (0.5 + 1.04 * x, y + drop)]
            ) * (width, height)
            color = [int(channel) for channel in np.clip(base * light, 0, 255)]
            cv2.fillConvexPoly(image, points.astype(np.int32), (*color, 255), cv2.LINE_AA)
    return _finish(image, rng)


def bush(rng: np.random.Generator) -> Sprite:
    """Return a low shrub."""
    image = _canvas(130, 70)
    hue = (rng.uniform(36, 60), rng.uniform(104, 140), rng.uniform(70, 120))
    angle, reach = rng.uniform(np.pi, 2 * np.pi, 130), np.sqrt(rng.uniform(0, 1, 130))
    centers = np.stack([0.5 + 0.42 * np.cos(angle) * reach, 0.94 + 0.72 * np.sin(angle) * reach], axis=1)
    _clump(image, rng, centers, 0.06, hue)
    return _finish(image, rng)
