"""Makes the pictures of one stream: planned in order, drawn and encoded only where somebody asks for them."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import simplejpeg

from pipelines.rendering.drawing_need import DrawingNeed
from pipelines.rendering.overlay import Overlay
from pipelines.scheduling.turns import Turns
from streamvision.core.errors import ConfigError
from streamvision.core.frame import Result
from streamvision.core.picture import U8, Canvas
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.telemetry import StageTimes


class JpegEncoder:
    """Encodes canvases as JFIF without leaving YUV; keeps no state, so any thread may call it.

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


class Renderer:
    """Used from the stream's own thread; what it returns may be drawn on any.

    Args:
        overlay: decides what is drawn.
        encode: makes JPEG files.
        times: where the seconds of drawing and encoding are recorded.
        turns: one is taken for drawing.
    """

    def __init__(
        self, overlay: Overlay, encode: Callable[[Canvas], bytes], times: StageTimes, turns: Turns | None = None
    ) -> None:
        self._overlay = overlay
        self._encode_jpeg = encode
        self._times = times
        self._turns = turns or Turns()
        self._need = DrawingNeed()

    def render(self, result: Result, *, fps: float) -> RenderedFrame:
        """Return the stream's next frame for viewers and sinks.

        Args:
            result: the frame and what was found on it.
            fps: the stream's present rate, for the status line.
        """
        annotation = self._overlay.plan(result, fps=fps)
        needs_drawing = self._need.update(result, annotation.settings.overlay)

        def draw() -> Canvas:
            with self._turns.taken(), self._times.measure("draw"):
                return annotation.draw()

        return RenderedFrame(
            result, draw=draw, encode=self._encode, settings=annotation.settings, needs_drawing=needs_drawing
        )

    def _encode(self, canvas: Canvas) -> bytes:
        with self._times.measure("encode"):
            return self._encode_jpeg(canvas)


def _padded(luma: U8) -> U8:
    """Give an odd-sized plane the neighbour row and column that libjpeg-turbo reads beyond its end (tjPlaneWidth)."""
    height_px, width_px = luma.shape
    odd_row, odd_column = height_px % 2, width_px % 2
    if not odd_row and not odd_column:
        return luma
    larger: U8 = cv2.copyMakeBorder(luma, 0, odd_row, 0, odd_column, cv2.BORDER_REPLICATE)
    return larger[:height_px, :width_px]
