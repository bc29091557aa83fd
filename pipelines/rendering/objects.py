"""The objects of one frame on a canvas: boxes or shapes in the colour of their identity, and labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from pipelines.rendering.labels import Rect, place_labels
from pipelines.rendering.palette import UNCONFIRMED, Color, color_of
from pipelines.rendering.shapes import draw_keypoints, outline_oriented, tint
from pipelines.rendering.text import drawable, render
from pipelines.rendering.yuv_drawing import Box, YuvDrawing
from streamvision.core.detections import attributes_text, class_name
from streamvision.core.frame import Result


class VisibleObject(NamedTuple):
    """An object that can be seen on the picture."""

    row: int
    """Its place among the frame's detections."""
    box_px: Box
    """Its box, clipped to the picture."""
    color: Color
    """That of its identity or, without a tracker, of its class."""
    confirmed: bool
    """False for an object that a tracker knows but has not confirmed."""
    name: str
    """Class, with the identity where there is one, and what secondary models say."""
    figures: tuple[str, ...]
    """Score, and speed over the ground where it is known."""
    importance: float
    """Whose label chooses its place first."""


def visible_objects(
    result: Result, names: tuple[str, ...], *, picture_px: tuple[int, int], with_speed: bool
) -> list[VisibleObject]:
    """Return the objects in the order in which boxes are drawn: the largest first.

    Args:
        result: the frame and its detections.
        names: class names by class id.
        picture_px: width and height of the canvas.
        with_speed: whether the figures tell speeds.
    """
    detections = result.detections
    tracked, attributes = detections.track_id is not None, detections.attributes
    speeds_kmh = result.analysis.speed_kmh if with_speed and result.analysis is not None else None
    edges = np.rint(np.minimum(np.maximum(detections.box_xyxy_px, 0), picture_px * 2))
    columns = zip(
        edges.tolist(),
        detections.class_id.tolist(),
        detections.identities(),
        detections.score.tolist(),
        strict=True,
    )
    visible = []
    for row, ((left, top, right, bottom), class_id, identity, score) in enumerate(columns):
        if not (left < right and top < bottom):  # as where one is no number
            continue
        name = _drawable_class(class_name(class_id, names), class_id)
        if identity is not None:
            name = f"{name} {identity}"
        if detections.global_id is not None and detections.global_id[row] is not None:
            name = f"{name} #{detections.global_id[row]}"
        if attributes is not None and (found := attributes_text(attributes[row])):
            name = f"{name} {drawable(found)}"
        figures: tuple[str, ...] = (f"{score:.2f}",)
        if speeds_kmh is not None and math.isfinite(speeds_kmh[row]):
            figures = (*figures, f"{speeds_kmh[row]:.0f} km/h")
        confirmed = identity is not None or not tracked
        color = color_of(class_id if identity is None else identity) if confirmed else UNCONFIRMED
        box_px = int(left), int(top), int(right), int(bottom)
        visible.append(VisibleObject(row, box_px, color, confirmed, name, figures, score + confirmed))
    return sorted(visible, key=_area_px, reverse=True)


def draw_objects(
    drawing: YuvDrawing, objects: Sequence[VisibleObject], result: Result, skeleton: Sequence[tuple[int, int]]
) -> None:
    """Draw masks, then boxes, then keypoints, as far as there are any.

    Args:
        drawing: what to draw with.
        objects: the visible ones.
        result: the frame that they are on.
        skeleton: pairs of keypoints to draw a line between.
    """
    detections, scale = result.detections, drawing.scale
    if detections.mask is not None:
        for obj in objects:
            tint(drawing, detections.mask[obj.row], obj.color)
    for obj in objects:
        line_px = scale.line_px if obj.confirmed else scale.thin_px
        if detections.obb_cxcywhr_px is None:
            drawing.outline(obj.box_px, obj.color, line_px=line_px, dashed=not obj.confirmed)
        else:
            outline_oriented(drawing, detections.obb_cxcywhr_px[obj.row], obj.color, line_px=line_px)
    if detections.keypoint_xy_px is not None and detections.keypoint_score is not None:
        for obj in objects:
            points, scores = detections.keypoint_xy_px[obj.row], detections.keypoint_score[obj.row]
            draw_keypoints(drawing, points, scores, skeleton, obj.color)


def draw_labels(drawing: YuvDrawing, objects: Sequence[VisibleObject], *, taken: Sequence[Rect]) -> None:
    """Write each object's name and figures beside its box.

    Args:
        drawing: what to draw with.
        objects: the visible ones.
        taken: places that are in use already.
    """
    scale, pad_px = drawing.scale, drawing.scale.pad_px
    objects = sorted(objects, key=attrgetter("importance"), reverse=True)
    labels = []
    for obj in objects:
        colors = obj.color, obj.color.text_color
        figures = [render(text, scale.text_px, *colors, pad_px, pad_px) for text in obj.figures]
        labels.append([render(obj.name, scale.text_px, *colors, pad_px, 0), *figures])
    places = place_labels(
        [obj.box_px for obj in objects],
        [(sum(part.width_px for part in parts), scale.text_px) for parts in labels],
        picture_px=(drawing.width_px, drawing.height_px),
        taken=taken,
        gap_px=scale.line_px // 2,
    )
    # The most important label is pasted last: where there is no room it lies on top.
    for parts, (left_px, top_px, _, _) in zip(reversed(labels), reversed(places), strict=True):
        for part in parts:
            drawing.paste(part, left_px, top_px)
            left_px += part.width_px


@lru_cache(maxsize=1024)
def _drawable_class(name: str, class_id: int) -> str:
    drawn = drawable(name)
    return drawn if drawn.strip(" ?") else f"class {class_id}"  # a script that the font does not have


def _area_px(obj: VisibleObject) -> int:
    left, top, right, bottom = obj.box_px
    return (right - left) * (bottom - top)
