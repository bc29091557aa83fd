"""Makes the pictures of one stream: planned in order, drawn and encoded only where somebody asks for them."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.rendering.overlay import Overlay
from streamvision.core.frame import Result
from streamvision.core.picture import Canvas
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.telemetry import StageTimes


class Renderer:
    """Used from the stream's own thread; what it returns may be drawn on any.

    Args:
        overlay: decides what is drawn.
        encode: makes JPEG files.
        times: where the seconds of drawing and encoding are recorded.
    """

    def __init__(self, overlay: Overlay, encode: Callable[[Canvas], bytes], times: StageTimes) -> None:
        self._overlay = overlay
        self._encode_jpeg = encode
        self._times = times

    def render(self, result: Result, *, fps: float) -> RenderedFrame:
        """Return the stream's next frame for viewers and sinks.

        Args:
            result: the frame and what was found on it.
            fps: the stream's present rate, for the status line.
        """
        annotation = self._overlay.plan(result, fps=fps)

        def draw() -> Canvas:
            with self._times.measure("draw"):
                return annotation.draw()

        return RenderedFrame(result, draw=draw, encode=self._encode)

    def _encode(self, canvas: Canvas) -> bytes:
        with self._times.measure("encode"):
            return self._encode_jpeg(canvas)
