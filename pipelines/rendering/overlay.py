"""What is drawn on a stream's frames: planned with each result at little cost, drawn only if somebody looks."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipelines.rendering.image_result import class_texts, draw_key_frames, legend_texts, paint
from pipelines.rendering.labels import Rect
from pipelines.rendering.objects import draw_labels, draw_objects, visible_objects
from pipelines.rendering.palette import Color, color_of
from pipelines.rendering.regions import draw_regions, tint_heat
from pipelines.rendering.shapes import draw_annotations
from pipelines.rendering.text import TextBitmap
from pipelines.rendering.trails import Trails, TrailSnapshot
from pipelines.rendering.yuv_drawing import YuvDrawing
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.frame import Result
from streamvision.core.image_result import ImageResult
from streamvision.core.picture import Canvas
from streamvision.core.rendered_frame import DrawingSettings

_Placed = list[tuple[TextBitmap, Rect]]


class Overlay:
    """Plans the drawing of one stream's results, in order, from one thread.

    Args:
        config: what is wanted.
        names: class names by class id.
        skeleton: pairs of keypoints to draw a line between.
    """

    def __init__(
        self, config: OverlayConfig, names: tuple[str, ...], *, skeleton: tuple[tuple[int, int], ...] = ()
    ) -> None:
        self._settings = DrawingSettings(config, skeleton)
        self._names = names
        self._trails = Trails(config.trails_s) if config.trails_s > 0 else None

    def apply(self, config: OverlayConfig) -> None:
        """Draw this from the next result on; any thread may ask for it."""
        if config.trails_s != self._settings.overlay.trails_s:
            self._trails = Trails(config.trails_s) if config.trails_s > 0 else None
        self._settings = replace(self._settings, overlay=config)

    def use_names(self, names: tuple[str, ...], *, skeleton: tuple[tuple[int, int], ...]) -> None:
        """Call classes by these names, and join keypoints so, from the next result on; any thread may ask for it."""
        self._names = names
        if skeleton != self._settings.skeleton:
            self._settings = replace(self._settings, skeleton=skeleton)

    def plan(self, result: Result, *, fps: float) -> FrameAnnotation:
        """Return what is to be drawn on this result; drawing itself is :meth:`FrameAnnotation.draw`, on any thread.

        Args:
            result: the stream's next result.
            fps: the stream's present rate, for the status line; 0 where it is not known yet.
        """
        snapshot = TrailSnapshot()
        trails = self._trails
        if trails is not None:
            frame = result.frame
            trails.update(result.detections, pts_s=frame.pts_s, segment=frame.segment)
            snapshot = trails.snapshot()
        return FrameAnnotation(result, self._settings, self._names, snapshot, fps)


@dataclass(frozen=True, eq=False)
class FrameAnnotation:
    """All that is needed to draw one result; nothing in it changes afterwards."""

    result: Result
    """The frame and its objects."""
    settings: DrawingSettings
    """What is wanted."""
    names: tuple[str, ...]
    """Class names by class id."""
    trails: TrailSnapshot
    """Where the objects have been."""
    fps: float
    """Frames per second of the stream, for the status line."""

    def draw(self) -> Canvas:
        """Return a fresh canvas with the picture and everything on it; the decoder's planes stay as they are."""
        config, result, image_result = self.settings.overlay, self.result, self.result.image_result
        canvas = result.picture.to_canvas()
        drawing = YuvDrawing(canvas)
        if image_result is not None:
            paint(canvas, image_result, self.names)
        analysis = result.analysis if config.analytics else None
        if analysis is not None and analysis.heat is not None:
            tint_heat(canvas, analysis.heat)
        self._draw_trails(drawing)
        size_px = drawing.width_px, drawing.height_px
        objects = visible_objects(result, self.names, picture_px=size_px, with_speed=config.analytics)
        if config.boxes:
            draw_objects(drawing, objects, result, self.settings.skeleton)
        placed = self._status_texts(drawing) if config.status else []
        if analysis is not None:
            placed += draw_regions(drawing, analysis, taken=[place for _, place in placed])
        if config.labels:
            if image_result is not None:
                placed += self._image_texts(drawing, image_result)
            draw_labels(drawing, objects, taken=[place for _, place in placed])
        for text, (left_px, top_px, _, _) in placed:
            drawing.paste(text, left_px, top_px)
        draw_key_frames(drawing, result.key_frames)
        draw_annotations(drawing, result.marks)
        return canvas

    def _image_texts(self, drawing: YuvDrawing, image_result: ImageResult) -> _Placed:
        """Place what is said of the whole picture: classes at the left below the status, a legend at the right."""
        pad_px = drawing.scale.pad_px
        top_px = 2 * pad_px + drawing.scale.text_px if self.settings.overlay.status else pad_px
        placed = _column([(text, pad_px) for text in class_texts(drawing, image_result, self.names)], top_px)
        legend = legend_texts(drawing, image_result, self.names)
        right_px = drawing.width_px - pad_px
        return placed + _column([(text, right_px - text.width_px) for text in legend], pad_px)

    def _draw_trails(self, drawing: YuvDrawing) -> None:
        by_color: dict[Color, list[NDArray[np.float32]]] = defaultdict(list)
        min_extent_px = 2.0 * drawing.scale.text_px  # the trail of what stands still would only be a scribble
        for identity, curve in self.trails.curves(min_extent_px=min_extent_px):
            by_color[color_of(identity)].append(curve)
        drawing.curves(by_color, line_px=drawing.scale.thin_px)

    def _status_texts(self, drawing: YuvDrawing) -> _Placed:
        frame, left_px = self.result.frame, drawing.scale.pad_px
        words = [frame.stream_id, f"{max(frame.age_s(), 0.0) * 1000:.0f} ms"]
        if self.fps > 0:
            words.insert(1, f"{self.fps:.{1 if self.fps < 100 else 0}f} fps")
        placed = []
        for text in map(drawing.text, words):
            placed.append((text, _rect(text, left_px, drawing.scale.pad_px)))
            left_px += text.width_px
        return placed


def _column(texts: list[tuple[TextBitmap, int]], top_px: int) -> _Placed:
    """Return texts with their left edges, placed below each other."""
    placed = []
    for text, left_px in texts:
        placed.append((text, _rect(text, left_px, top_px)))
        top_px += text.height_px
    return placed


def _rect(text: TextBitmap, left_px: int, top_px: int) -> Rect:
    return left_px, top_px, left_px + text.width_px, top_px + text.height_px
