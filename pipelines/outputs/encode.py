"""From canvas to JPEG without leaving YUV."""

from __future__ import annotations

import cv2
import simplejpeg

from streamvision.core.errors import ConfigError
from streamvision.core.picture import U8, Canvas


class JpegEncoder:
    """Encodes canvases as JFIF; keeps no state, so any thread may call it.

    Raises:
        ConfigError: when the quality is not 1..100.
    """

    def __init__(self, quality: int = 80) -> None:
        if not 1 <= quality <= 100:
            raise ConfigError(f"JPEG quality must be 1..100, not {quality}")
        self._quality = quality

    def __call__(self, canvas: Canvas) -> bytes:
        """Return the canvas as a JPEG file of exactly its size; the interpreter runs other threads meanwhile."""
        jpeg: bytes = simplejpeg.encode_jpeg_yuv_planes(
            _padded(canvas.y), canvas.u, canvas.v, quality=self._quality, fastdct=self._quality <= 90
        )
        return jpeg


def _padded(luma: U8) -> U8:
    """Give an odd-sized plane the neighbour row and column that libjpeg-turbo reads beyond its end (tjPlaneWidth)."""
    height_px, width_px = luma.shape
    odd_row, odd_column = height_px % 2, width_px % 2
    if not odd_row and not odd_column:
        return luma
    larger: U8 = cv2.copyMakeBorder(luma, 0, odd_row, 0, odd_column, cv2.BORDER_REPLICATE)
    return larger[:height_px, :width_px]
