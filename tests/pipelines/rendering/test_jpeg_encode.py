from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipelines.rendering.renderer import JpegEncoder
from streamvision.core.errors import ConfigError
from streamvision.core.picture import BgrPicture, Canvas


@pytest.mark.parametrize(("width_px", "height_px"), [(640, 360), (641, 359), (1, 1), (3, 5), (17, 16), (16, 17)])
def test_a_jpeg_has_the_canvas_size_and_colours_up_to_the_last_pixel(width_px: int, height_px: int) -> None:
    ramp = np.linspace(0, 255, width_px + height_px).astype(np.uint8)
    grey = np.lib.stride_tricks.sliding_window_view(ramp, width_px)[:height_px]
    bgr = np.repeat(grey[..., None], 3, axis=2)
    jpeg = JpegEncoder(95)(BgrPicture(bgr).to_canvas())
    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == bgr.shape
    assert np.abs(decoded.astype(int) - bgr).max() <= 6
    flat = BgrPicture(np.full((height_px, width_px, 3), (0, 0, 255), np.uint8)).to_canvas()
    decoded = cv2.imdecode(np.frombuffer(JpegEncoder(95)(flat), np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(decoded.astype(int) - (0, 0, 255)).max() <= 3


def test_nothing_beside_the_plane_leaks_into_an_odd_picture() -> None:
    def encode(margin: int) -> bytes:
        luma = np.full((33, 64), margin, np.uint8)
        luma[:, :33] = 200
        chroma = np.full((17, 17), 128, np.uint8)
        return JpegEncoder(100)(Canvas(luma[:, :33], chroma, chroma))

    assert encode(0) == encode(255)


def test_quality_changes_the_size() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    canvas = BgrPicture(noise).to_canvas()
    assert len(JpegEncoder(30)(canvas)) < len(JpegEncoder(80)(canvas)) < len(JpegEncoder(100)(canvas))


@pytest.mark.parametrize("quality", [0, 101])
def test_a_quality_that_does_not_exist_is_refused(quality: int) -> None:
    with pytest.raises(ConfigError, match=r"1\.\.100"):
        JpegEncoder(quality)
