"""RandAugment (Cubuk et al. 2020) with the operations that leave boxes where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
Operation = Callable[[U8, float], U8]


def _blend(image: U8, other: Any, strength: float) -> U8:
    blended: U8 = cv2.addWeighted(image, 1 + strength, other, -strength, 0)
    return blended


def _brightness(image: U8, strength: float) -> U8:
    return _blend(image, np.zeros_like(image), strength * 0.5)


def _contrast(image: U8, strength: float) -> U8:
    grey = np.full_like(image, round(float(image.mean())))
    return _blend(image, grey, strength * 0.6)


def _saturation(image: U8, strength: float) -> U8:
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return _blend(image, grey, strength * 0.7)


def _sharpness(image: U8, strength: float) -> U8:
    return _blend(image, cv2.GaussianBlur(image, (0, 0), 1.5), strength * 0.9)


def _gamma(image: U8, strength: float) -> U8:
    table = (255 * (np.arange(256) / 255) ** np.exp2(strength)).round().astype(np.uint8)
    changed: U8 = table[image]
    return changed


def _posterize(image: U8, strength: float) -> U8:
    kept_bits = 8 - round(abs(strength) * 4)
    coarse: U8 = image & np.uint8(256 - (1 << (8 - kept_bits)))
    return coarse


def _stretch(image: U8, strength: float) -> U8:
    low, high = np.percentile(image, [1, 99])
    stretched = np.clip((image.astype(np.float32) - low) * (255 / max(high - low, 1)), 0, 255).astype(np.uint8)
    share = abs(strength)
    mixed: U8 = cv2.addWeighted(image, 1 - share, stretched, share, 0)
    return mixed


def _noise(image: U8, strength: float) -> U8:
    noise = np.random.default_rng(int(abs(strength) * 1e6)).normal(0, abs(strength) * 20, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


OPERATIONS: tuple[Operation, ...] = (
    _brightness,
    _contrast,
    _saturation,
    _sharpness,
    _gamma,
    _posterize,
    _stretch,
    _noise,
)


def rand_augment(image: U8, *, operations: int, rng: np.random.Generator) -> U8:
    """Return a picture (H, W, 3) uint8 after so many operations, each chosen and dosed at random."""
    for index in rng.integers(len(OPERATIONS), size=operations):
        image = OPERATIONS[index](image, float(rng.uniform(-1, 1)))
    return image
