"""What a network is given and what it is to make of it, as pixels."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ConfigError
from streamvision.core.resampling import Window, antialiased
from streamvision.datasets.dataset import PairedPicture
from streamvision.evaluation.predictions import read_bgr

U8 = NDArray[np.uint8]
LEVELS = 255


def read_pair(image: PairedPicture) -> tuple[U8, U8]:
    """Return what a network is given and what it is to make of it, each (H, W, 3) BGR.

    The noise of a file is the same each time. What is made smaller loses the rows and columns that would be less than
    one of the smaller picture's.

    Raises:
        SourceError: when a picture cannot be read.
        ConfigError: when a picture is too small to be made smaller.
    """
    bgr = read_bgr(image.path)
    if image.target_path is not None:
        return bgr, read_bgr(image.target_path)
    if image.shrink > 1 and min(bgr.shape[:2]) < 2 * image.shrink:
        raise ConfigError(
            f"{image.path} is {bgr.shape[1]}x{bgr.shape[0]} px, too small to be made smaller; take it out"
        )
    target = whole_cells(bgr, image.shrink)
    rng = np.random.default_rng(zlib.crc32(image.path.name.encode()))
    return made_worse(target, noise=image.noise, shrink=image.shrink, rng=rng), target


def whole_cells(pixels: U8, shrink: int) -> U8:
    """Return the part of a picture whose sides are multiples of a number."""
    height, width = (side - side % shrink for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[:height, :width])


def made_worse(pixels: U8, *, noise: float, shrink: int, rng: np.random.Generator) -> U8:
    """Return a picture made smaller by Keys' cubic with antialiasing, then with Gaussian noise on it.

    That is how denoising (Zhang et al., "Beyond a Gaussian Denoiser", 2017) and super-resolution (Timofte et al.,
    NTIRE 2017) are measured; levels are whole numbers of 0..255, as real pictures have them.

    Args:
        pixels: (H, W, 3), sides multiples of ``shrink``.
        noise: standard deviation in levels.
        shrink: how many times smaller.
        rng: source of the noise.
    """
    if shrink > 1:
        pixels = resized(pixels, (pixels.shape[1] // shrink, pixels.shape[0] // shrink))
    if noise <= 0:
        return pixels
    noisy = pixels + noise * rng.standard_normal(pixels.shape, np.float32)
    levels: U8 = np.rint(np.clip(noisy, 0, LEVELS)).astype(np.uint8)
    return levels


def resized(pixels: U8, size_px: tuple[int, int]) -> U8:
    """Return a picture in another (width, height), by Keys' cubic with antialiasing, as Pillow's ``BICUBIC``."""
    if pixels.shape[1::-1] == size_px:
        return pixels
    return antialiased(np.ascontiguousarray(pixels), *size_px, Window(0, 0, *size_px), "bicubic")
