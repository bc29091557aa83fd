"""A still scene with a bright square that may move: what a camera on a pole sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from streamvision.core.picture import YuvPicture

WIDTH_PX, HEIGHT_PX = 640, 360
SQUARE_PX = 48

_SCENE: NDArray[np.uint8] = np.random.default_rng(1).integers(60, 90, (HEIGHT_PX, WIDTH_PX), np.uint8)


def scene(
    square_xy_px: tuple[int, int] | None = None, *, noise: int = 0, brighter: int = 0, seed: int = 0
) -> YuvPicture:
    """Return a picture of the scene, with the square at this place.

    Args:
        square_xy_px: left and top of the square; ``None`` without it.
        noise: greatest deviation of each pixel by the sensor.
        brighter: levels by which the whole picture is brighter.
        seed: of the noise.
    """
    luma = _SCENE.astype(np.int16) + brighter
    if square_xy_px is not None:
        left, top = square_xy_px
        luma[max(top, 0) : top + SQUARE_PX, max(left, 0) : left + SQUARE_PX] = 200
    if noise:
        luma += np.random.default_rng(seed).integers(-noise, noise + 1, luma.shape, np.int16)
    chroma = np.full((HEIGHT_PX // 2, WIDTH_PX // 2), 128, np.uint8)
    return YuvPicture(luma.clip(0, 255).astype(np.uint8), chroma, chroma, full_range=True)
