"""One frame's drawing, decided but not yet drawn: drawing may happen later, elsewhere or never."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.rendering.annotations import draw_marks
from pipelines.rendering.image_result import class_strips, legend_strips, paint
from pipelines.rendering.key_frames import draw_key_frames
from pipelines.rendering.labels import Rect, place_labels
from pipelines.rendering.palette import BLACK, UNCONFIRMED, WHITE, Color, color_of
from pipelines.rendering.regions import draw_places, tint_heat
from pipelines.rendering.shapes import draw_keypoints, outline_oriented, tint
from pipelines.rendering.text import TextBitmap, drawable, render
from pipelines.rendering.trails import TrailSnapshot
from pipelines.rendering.yuv_drawing import YuvDrawing
from pipelines.stages.secondary.attributes import words_of
from streamvision.core.analysis import Analysis
from streamvision.core.config.app import OverlayConfig
from streamvision.core.detections import Detections
from streamvision.core.frame import Result
from streamvision.core.image_result import ImageResult
from streamvision.core.picture import Canvas


@dataclass(frozen=True, eq=False)
class FrameAnnotation:
    """All that is needed to draw one result; nothing in it changes afterwards."""

    result: Result
    """The frame and its objects."""
    config: OverlayConfig
    """What is wanted."""
    names: tuple[str, ...]
    """Class names by class id."""
    trails: TrailSnapshot
    """Where the objects have been."""
    fps: float
    """Frames per second of the stream, for the status line."""
    skeleton: tuple[tuple[int, int], ...] = ()
    """Pairs of keypoints to draw a line between."""

    def draw(self) -> Canvas:
        """Return a fresh canvas with the picture and everything on it; the decoder's planes stay as they are."""
        whole = self.result.whole or ImageResult()
        canvas = (whole.picture or self.result.frame.picture).to_canvas()
        brush = YuvDrawing(canvas)
        paint(canvas, whole, self.names)
        analysis = (self.result.analysis if self.config.analytics else None) or Analysis()
        if analysis.heat is not None:
            tint_heat(canvas, analysis.heat)
        marks = _marks(self.result.detections, self.names, canvas, analysis.speed_kmh)
        self._draw_trails(brush)
        if self.config.boxes:
            _draw_objects(brush, marks, self.skeleton)
        status = self._status_strips(brush) if self.config.status else []
        placed = list(zip(status, _status_places(brush, status), strict=True))
        placed += draw_places(brush, analysis, taken=[place for _, place in placed])
        if self.config.labels:
            placed += self._whole_strips(brush, whole, below_px=brush.scale.text_px if status else 0)
            _draw_labels(brush, marks, taken=[place for _, place in placed])
        for strip, (left_px, top_px, _, _) in placed:
            brush.paste(strip, left_px, top_px)
        draw_key_frames(brush, self.result.key_frames)
        draw_marks(brush, self.result.marks)
        return canvas

    def _whole_strips(self, brush: YuvDrawing, whole: ImageResult, *, below_px: int) -> list[tuple[TextBitmap, Rect]]:
        """Return what is written about the whole picture: classes at the left below the status, a legend at the right.

        Args:
            brush: what to draw with.
            whole: what was found.
            below_px: height of the status line.
        """
        pad_px = brush.scale.pad_px
        top_px = 2 * pad_px + below_px if below_px else pad_px
        placed = _column([(strip, pad_px) for strip in class_strips(brush, whole, self.names)], top_px)
        legend = legend_strips(brush, whole, self.names)
        right_px = brush.canvas.width_px - pad_px
        return placed + _column([(strip, right_px - strip.width_px) for strip in legend], pad_px)

    def _draw_trails(self, brush: YuvDrawing) -> None:
        by_color: dict[Color, list[NDArray[np.float32]]] = defaultdict(list)
        least_px = 2.0 * brush.scale.text_px  # the trail of what stands still would only be a scribble
        for identity, curve in self.trails.curves(least_px=least_px):
            by_color[color_of(identity)].append(curve)
        for color, curves in by_color.items():
            brush.curves(curves, color, line_px=brush.scale.thin_px)

    def _status_strips(self, brush: YuvDrawing) -> list[TextBitmap]:
        frame, scale = self.result.frame, brush.scale
        texts = [frame.stream_id, f"{max(frame.age_s(), 0.0) * 1000:.0f} ms"]
        if self.fps > 0:
            texts.insert(1, f"{self.fps:.1f} fps")
        return [render(drawable(text), scale.text_px, BLACK, WHITE, scale.pad_px, scale.pad_px) for text in texts]


@dataclass(frozen=True, eq=False)
class _Marks:
    """Objects that are visible on the picture, in the order in which boxes are drawn: the largest first."""

    found: Detections
    """The objects themselves."""
    box_px: NDArray[np.int32]
    """(N, 4) boxes, clipped to the picture."""
    color: list[Color]
    settled: list[bool]
    """False for an object that a tracker knows but has not confirmed."""
    name: list[str]
    """Class, with the identity where there is one, and what second models say."""
    score: list[str]
    speed: list[str]
    """Speed over the ground; empty where it is not known."""
    importance: NDArray[np.float32]
    """(N,) who chooses its label's place first."""


def _marks(
    detections: Detections, names: tuple[str, ...], canvas: Canvas, speed_kmh: NDArray[np.float64] | None
) -> _Marks:
    known = np.flatnonzero(~np.isnan(detections.box_xyxy_px).any(axis=1))
    far_px = np.array([canvas.width_px, canvas.height_px] * 2)
    box_px = np.rint(np.clip(detections.box_xyxy_px[known], 0, far_px)).astype(np.int32)
    width_px, height_px = (box_px[:, 2:] - box_px[:, :2]).T
    seen = np.flatnonzero((width_px > 0) & (height_px > 0))
    seen = seen[np.argsort(-(width_px * height_px)[seen], kind="stable")]
    box_px, order = box_px[seen], known[seen]
    chosen = detections[order]
    color, settled, name = [], [], []
    tracked, attributes = chosen.track_id is not None, chosen.attributes
    for class_id, identity in zip(chosen.class_id.tolist(), chosen.identities(), strict=True):
        class_name = _class_name(class_id, names)
        name.append(class_name if identity is None else f"{class_name} {identity}")
        if attributes is not None and (words := words_of(attributes[len(name) - 1])):
            name[-1] = f"{name[-1]} {drawable(words)}"
        settled.append(identity is not None or not tracked)
        color.append(
            UNCONFIRMED if tracked and identity is None else color_of(class_id if identity is None else identity)
        )
    importance = chosen.score + np.array(settled, np.float32)
    score = [f"{score:.2f}" for score in chosen.score.tolist()]
    known_kmh = np.full(len(order), np.nan) if speed_kmh is None else speed_kmh[order]
    speed = [f"{value:.0f} km/h" if np.isfinite(value) else "" for value in known_kmh.tolist()]
    return _Marks(chosen, box_px, color, settled, name, score, speed, importance)


def _class_name(class_id: int, names: tuple[str, ...]) -> str:
    name = drawable(names[class_id]) if class_id < len(names) else str(class_id)
    return name if name.strip(" ?") else f"class {class_id}"  # a script that the font does not have


def _draw_objects(brush: YuvDrawing, marks: _Marks, skeleton: tuple[tuple[int, int], ...]) -> None:
    found = marks.found
    if found.mask is not None:
        for mask, color in zip(found.mask, marks.color, strict=True):
            tint(brush, mask, color)
    for index, (box, color, settled) in enumerate(zip(marks.box_px.tolist(), marks.color, marks.settled, strict=True)):
        line_px = brush.scale.line_px if settled else brush.scale.thin_px
        if found.obb_cxcywhr_px is None:
            brush.outline(tuple(box), color, line_px=line_px, dashed=not settled)
        else:
            outline_oriented(brush, found.obb_cxcywhr_px[index], color, line_px=line_px)
    if found.keypoint_xy_px is not None and found.keypoint_score is not None:
        for xy_px, score, color in zip(found.keypoint_xy_px, found.keypoint_score, marks.color, strict=True):
            draw_keypoints(brush, xy_px, score, skeleton, color)


def _draw_labels(brush: YuvDrawing, marks: _Marks, *, taken: list[Rect]) -> None:
    scale, order = brush.scale, np.argsort(-marks.importance, kind="stable")
    if not len(order):
        return
    labels = []
    for index in order.tolist():
        color = marks.color[index]
        figures = [text for text in (marks.score[index], marks.speed[index]) if text]
        name = render(marks.name[index], scale.text_px, color, color.ink, scale.pad_px, 0)
        labels.append(
            [name, *(render(text, scale.text_px, color, color.ink, scale.pad_px, scale.pad_px) for text in figures)]
        )
    size_px = np.array([(sum(part.width_px for part in parts), scale.text_px) for parts in labels], np.int32)
    corners = place_labels(
        marks.box_px[order],
        size_px,
        picture_px=(brush.canvas.width_px, brush.canvas.height_px),
        taken=taken,
        gap_px=scale.line_px // 2,
    )
    # The most important label is pasted last: where there is no room it lies on top.
    for parts, (left_px, top_px) in reversed(list(zip(labels, corners.tolist(), strict=True))):
        for part in parts:
            brush.paste(part, left_px, top_px)
            left_px += part.width_px


def _column(strips: list[tuple[TextBitmap, int]], top_px: int) -> list[tuple[TextBitmap, Rect]]:
    """Return strips with their left edges, placed below each other."""
    placed = []
    for strip, left_px in strips:
        placed.append((strip, (left_px, top_px, left_px + strip.width_px, top_px + strip.height_px)))
        top_px += strip.height_px
    return placed


def _status_places(brush: YuvDrawing, strips: list[TextBitmap]) -> list[Rect]:
    places, left_px, top_px = [], brush.scale.pad_px, brush.scale.pad_px
    for strip in strips:
        places.append((left_px, top_px, left_px + strip.width_px, top_px + strip.height_px))
        left_px += strip.width_px
    return places
