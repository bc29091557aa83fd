"""What models say about the picture as a whole, on a canvas: likely classes, coloured classes, coloured distances.

What slow models last said of the stream (key frames) is shown smaller: maps as insets at the right below, words at the
left below.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.rendering.palette import BLACK, Color, color_of, turbo_tables
from pipelines.rendering.text import MOST_LETTERS, TextBitmap
from pipelines.rendering.yuv_drawing import YuvDrawing
from streamvision.core.detections import class_name
from streamvision.core.frame import KeyFrame
from streamvision.core.image_result import ImageResult
from streamvision.core.picture import U8, Canvas

CLASS_MAP_OPACITY, DEPTH_OPACITY = 0.5, 0.7
SHOWN_CLASSES = 3
"""Most classes of the picture that are written on it."""
LEGEND_ENTRIES, LEGEND_MIN_SHARE = 10, 0.003
"""Most classes of a legend, and what share of the picture a class must have to be in it."""
BACKGROUND = frozenset({"background", "__background__", "void", "unlabeled", "unlabelled", "ignore", "other"})
"""Names of classes that are not coloured, since they stand for everything without a class of its own."""
_SAMPLE_LETTERS, _LEAST_LETTERS, _MOST_LINES = 20, 12, 6
INSET_SHARE = 0.25
"""Width of an inset, as a share of the picture's."""


def paint(canvas: Canvas, image_result: ImageResult, names: tuple[str, ...]) -> None:
    """Colour the canvas by the map of classes or distances, where there is one."""
    class_map, depth_map = image_result.class_map, image_result.depth_map
    if depth_map is not None:
        _blend(canvas, _nearness(depth_map), turbo_tables(), DEPTH_OPACITY, cv2.INTER_LINEAR)
    if class_map is not None:
        is_colored = np.zeros(256, np.uint8)
        is_colored[[i for i, name in enumerate(names[:256]) if name.lower() not in BACKGROUND]] = 1
        shown = is_colored[class_map]
        _blend(canvas, class_map, _class_tables(), CLASS_MAP_OPACITY, cv2.INTER_NEAREST, shown=shown)


def class_texts(drawing: YuvDrawing, image_result: ImageResult, names: tuple[str, ...]) -> list[TextBitmap]:
    """Return the likeliest classes and the numbers by name, one line each, and the text in lines that fit."""
    texts: list[tuple[str, Color]] = []
    if image_result.class_score is not None:
        for class_id in np.argsort(-image_result.class_score, kind="stable")[:SHOWN_CLASSES].tolist():
            text = f"{class_name(class_id, names)} {image_result.class_score[class_id]:.2f}"
            texts.append((text, color_of(class_id)))
    texts += [(text, BLACK) for text in image_result.number_texts()]
    if image_result.text:
        texts += [(line, BLACK) for line in _lines(drawing, image_result.text)]
    return [drawing.text(text, background=color) for text, color in texts]


def legend_texts(drawing: YuvDrawing, image_result: ImageResult, names: tuple[str, ...]) -> list[TextBitmap]:
    """Return the legend of the map: its classes in their colours, the largest first; or the distances."""
    class_map, depth_map = image_result.class_map, image_result.depth_map
    if depth_map is not None and (finite := depth_map[np.isfinite(depth_map)]).size:
        near, far = np.percentile(finite, [2, 98]).tolist()
        colors = (Color(*(int(table[level]) for table in turbo_tables())) for level in (255, 0))
        texts = f"{near:.3g}", f"{far:.3g}"
        return [drawing.text(text, background=color) for text, color in zip(texts, colors, strict=True)]
    if class_map is None:
        return []
    shares = np.bincount(class_map.reshape(-1), minlength=len(names))[: len(names)] / class_map.size
    present = [i for i in np.argsort(-shares, kind="stable").tolist() if shares[i] >= LEGEND_MIN_SHARE]
    named = [i for i in present if names[i].lower() not in BACKGROUND][:LEGEND_ENTRIES]
    return [drawing.text(f"{names[i]} {shares[i]:.0%}", background=color_of(i)) for i in named]


def draw_key_frames(drawing: YuvDrawing, key_frames: Sequence[KeyFrame]) -> None:
    """Draw the results in their order; each tells how old it is, in seconds of the stream."""
    canvas, pad_px = drawing.canvas, drawing.scale.pad_px
    width_px = round(canvas.width_px * INSET_SHARE) & ~1
    height_px = round(canvas.height_px * INSET_SHARE) & ~1
    right_px, bottom_px = canvas.width_px - pad_px & ~1, canvas.height_px - pad_px & ~1
    line_bottom_px = bottom_px
    for key_frame in key_frames:
        image_result = key_frame.image_result
        if image_result.class_map is None and image_result.depth_map is None:
            for line in reversed(_key_frame_lines(drawing, key_frame)):
                text = drawing.text(line)
                line_bottom_px -= text.height_px
                drawing.paste(text, pad_px, line_bottom_px)
        elif right_px >= width_px:
            text = drawing.text("  ".join(_key_frame_words(key_frame)))
            inset = _inset(canvas, right_px - width_px, bottom_px - height_px, width_px, height_px)
            paint(inset, image_result, key_frame.names)
            drawing.paste(text, right_px - width_px, bottom_px - text.height_px)
            right_px = right_px - width_px - pad_px & ~1


def _key_frame_lines(drawing: YuvDrawing, key_frame: KeyFrame) -> list[str]:
    """Return what a model without a map said: a line, or below its name and age the lines of a long text."""
    said = list(_key_frame_words(key_frame))
    text = key_frame.image_result.text
    if text and len(_lines(drawing, "  ".join(said))) > 1:
        return ["  ".join(words for words in said if words != text), *_lines(drawing, text)]
    return ["  ".join(said)]


def _lines(drawing: YuvDrawing, text: str) -> list[str]:
    """Return a text in lines that fit into the picture, as far as there are blanks to break it at."""
    letter_px = drawing.text("n" * _SAMPLE_LETTERS).width_px / _SAMPLE_LETTERS
    fitting = int((drawing.width_px - 2 * drawing.scale.pad_px) / letter_px)
    width = min(max(fitting, _LEAST_LETTERS), MOST_LETTERS)
    return textwrap.wrap(text, width, break_long_words=False)[:_MOST_LINES]


def _key_frame_words(key_frame: KeyFrame) -> Iterator[str]:
    image_result = key_frame.image_result
    yield f"{key_frame.name} {key_frame.age_s:.1f} s ago"
    if image_result.text:
        yield image_result.text
    if image_result.class_score is not None:
        best = int(image_result.class_score.argmax())
        yield f"{class_name(best, key_frame.names)} {image_result.class_score[best]:.2f}"
    yield from image_result.number_texts()


def _inset(canvas: Canvas, left_px: int, top_px: int, width_px: int, height_px: int) -> Canvas:
    """Return a black part of a canvas that shares its memory; all numbers must be even."""
    rows, columns = slice(top_px, top_px + height_px), slice(left_px, left_px + width_px)
    half = slice(top_px // 2, (top_px + height_px) // 2), slice(left_px // 2, (left_px + width_px) // 2)
    inset = Canvas(canvas.y[rows, columns], canvas.u[half], canvas.v[half])
    # The picture below is of another moment, so nothing of it may be seen through the map.
    inset.y[...], inset.u[...], inset.v[...] = BLACK
    return inset


def _blend(
    canvas: Canvas,
    levels: U8,
    tables: tuple[U8, U8, U8],
    opacity: float,
    interpolation: int,
    *,
    shown: U8 | None = None,
) -> None:
    """Lay the colours of a map over the canvas.

    Args:
        canvas: what to draw on.
        levels: (h, w) map, of any size.
        tables: for luma and the two colour differences, the (256,) value of each level.
        opacity: of the colours, 0..1.
        interpolation: OpenCV's, from the map to the canvas.
        shown: (h, w) 0 where the picture is left as it is.
    """
    partial = shown is not None and not shown.all()
    for plane, table in zip((canvas.y, canvas.u, canvas.v), tables, strict=True):
        size = plane.shape[1], plane.shape[0]
        color: Any = cv2.resize(cv2.LUT(levels, table), size, interpolation=interpolation)
        mixed = cv2.addWeighted(plane, 1 - opacity, color, opacity, 0)
        where = cv2.resize(shown, size, interpolation=cv2.INTER_NEAREST) if partial else None
        cv2.copyTo(mixed, where, plane)


def _nearness(depth: NDArray[np.float32]) -> U8:
    """Return distances as levels: 255 for what is near, 0 for what is far; outliers do not take the colours away."""
    finite = depth[np.isfinite(depth)]
    if not finite.size:
        return np.full(depth.shape, 255, np.uint8)
    near, far = np.percentile(finite, [2, 98])
    scaled = (np.nan_to_num(depth, nan=far, posinf=far, neginf=near) - near) * (255 / max(far - near, 1e-9))
    levels: U8 = 255 - np.clip(scaled, 0, 255).astype(np.uint8)
    return levels


@lru_cache(maxsize=1)
def _class_tables() -> tuple[U8, U8, U8]:
    table = np.array([color_of(class_id) for class_id in range(256)], np.uint8)
    return table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy()
