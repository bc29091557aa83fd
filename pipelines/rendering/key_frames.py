"""What slow models last said of a stream: maps as small pictures at the right below, words at the left below."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.rendering.image_result import paint
from pipelines.rendering.palette import BLACK, WHITE
from pipelines.rendering.text import TextBitmap, drawable, render
from pipelines.rendering.yuv_drawing import YuvDrawing
from streamvision.core.detections import class_name
from streamvision.core.frame import KeyFrame
from streamvision.core.picture import Canvas

INSET_SHARE = 0.25
"""Width of a small picture, as a share of the picture's."""


def draw_key_frames(brush: YuvDrawing, key_frames: Sequence[KeyFrame]) -> None:
    """Draw the results in their order; each tells how old it is, in seconds of the stream."""
    canvas, pad_px = brush.canvas, brush.scale.pad_px
    width_px = round(canvas.width_px * INSET_SHARE) & ~1
    height_px = round(canvas.height_px * INSET_SHARE) & ~1
    right_px, bottom_px = canvas.width_px - pad_px & ~1, canvas.height_px - pad_px & ~1
    line_bottom_px = bottom_px
    for one in key_frames:
        strip = _strip(brush, _words(one))
        if one.whole.class_map is None and one.whole.depth_map is None:
            line_bottom_px -= strip.height_px
            brush.paste(strip, pad_px, line_bottom_px)
        elif right_px >= width_px:
            paint(_part(canvas, right_px - width_px, bottom_px - height_px, width_px, height_px), one.whole, one.names)
            brush.paste(strip, right_px - width_px, bottom_px - strip.height_px)
            right_px = right_px - width_px - pad_px & ~1


def _words(one: KeyFrame) -> str:
    words = [f"{one.name} {one.age_s:.1f} s ago"]
    if one.whole.text:
        words.append(one.whole.text)
    if one.whole.class_score is not None:
        best = int(one.whole.class_score.argmax())
        words.append(f"{class_name(best, one.names)} {one.whole.class_score[best]:.2f}")
    words += [f"{name} {value:.4g}" for name, value in (one.whole.values or {}).items()]
    return "  ".join(words)


def _part(canvas: Canvas, left_px: int, top_px: int, width_px: int, height_px: int) -> Canvas:
    """Return a part of a canvas that shares its memory; all numbers must be even."""
    rows, columns = slice(top_px, top_px + height_px), slice(left_px, left_px + width_px)
    half = slice(top_px // 2, (top_px + height_px) // 2), slice(left_px // 2, (left_px + width_px) // 2)
    part = Canvas(canvas.y[rows, columns], canvas.u[half], canvas.v[half])
    # The picture below is not of the same moment, so nothing of it is to be seen through the map.
    part.y[...], part.u[...], part.v[...] = BLACK
    return part


def _strip(brush: YuvDrawing, text: str) -> TextBitmap:
    scale = brush.scale
    return render(drawable(text), scale.text_px, BLACK, WHITE, scale.pad_px, scale.pad_px)
