"""A result with its picture, drawn once and encoded once, however many ask for it, and not at all if nobody does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.frame import Result
from streamvision.core.picture import Canvas


@dataclass(frozen=True)
class DrawingSettings:
    """How the frames of a stream are drawn, until that is changed."""

    overlay: OverlayConfig = field(default_factory=OverlayConfig)
    """What is drawn."""
    skeleton: tuple[tuple[int, int], ...] = ()
    """Pairs of keypoints to draw a line between."""


class RenderedFrame:
    """What goes to viewers, recorders and files. Safe to use from several threads.

    Args:
        result: the frame and what was found on it; it does not change any more.
        draw: makes the picture.
        encode: makes a JPEG file of it.
        settings: how it is drawn, for those who draw it themselves.
        needs_drawing: as :attr:`needs_drawing`.
    """

    def __init__(
        self,
        result: Result,
        *,
        draw: Callable[[], Canvas],
        encode: Callable[[Canvas], bytes],
        settings: DrawingSettings | None = None,
        needs_drawing: bool = False,
    ) -> None:
        self.result = result
        self.settings = settings or DrawingSettings()
        self.needs_drawing = needs_drawing
        """Whether the drawn picture alone shows what was found: nobody else can draw it, or has the plain picture."""
        self.sequence = 0
        """Place among the frames of its channel, from 1; 0 until it is published."""
        self.finished_at_s = time.monotonic()
        """When all stages were done with it, on ``time.monotonic()``."""
        self._lock = threading.Lock()
        self._draw = draw
        self._encode = encode
        self._canvas: Canvas | None = None
        self._jpeg: bytes | None = None

    def canvas(self) -> Canvas:
        """Return the drawn picture; it is shared, so treat it as read-only."""
        with self._lock:
            return self._drawn()

    def jpeg(self) -> bytes:
        """Return the drawn picture as a JPEG file."""
        with self._lock:
            if self._jpeg is None:
                self._jpeg = self._encode(self._drawn())
            return self._jpeg

    def scaled_jpeg(self, width_px: int) -> bytes:
        """Return the drawn picture as a JPEG file of that width, or of its own where that is smaller.

        It is made anew by each call, and hinders nobody who wants the full size meanwhile.
        """
        canvas = self.canvas()
        return self.jpeg() if width_px >= canvas.width_px else self._encode(canvas.scaled(width_px))

    def _drawn(self) -> Canvas:
        if self._canvas is None:
            self._canvas = self._draw()
        return self._canvas

    def __repr__(self) -> str:
        return f"RenderedFrame({self.result.frame.stream_id} #{self.result.frame.index})"
