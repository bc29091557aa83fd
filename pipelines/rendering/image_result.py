"""What a model says about the picture as a whole, on a canvas: likely classes, coloured scenes, coloured distances."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.rendering.palette import BLACK, WHITE, Color, color_of
from pipelines.rendering.text import TextBitmap, drawable, render
from pipelines.rendering.yuv_drawing import YuvDrawing
from streamvision.core.detections import class_name
from streamvision.core.image_result import ImageResult
from streamvision.core.picture import U8, Canvas

SCENE_OPACITY, DEPTH_OPACITY = 0.5, 0.7
SHOWN_CLASSES = 3
"""Most classes of the whole picture that are told."""
LEGEND_ENTRIES, LEGEND_LEAST = 10, 0.003
"""Most classes of a legend, and what share of the picture a class must have to be in it."""
BACKGROUND = frozenset({"background", "__background__", "void", "unlabeled", "unlabelled", "ignore", "other"})
"""Names of classes that are not coloured: they are what is none of the others."""


def paint(canvas: Canvas, whole: ImageResult, names: tuple[str, ...]) -> None:
    """Colour the canvas by the map of classes or distances, where there is one."""
    if whole.depth_map is not None:
        _blend(canvas, _levels(whole.depth_map), _depth_tables(), DEPTH_OPACITY, cv2.INTER_LINEAR)
    if whole.class_map is not None:
        tables = _class_tables()
        keep = np.ones(256, np.uint8)
        keep[[i for i, name in enumerate(names[:256]) if name.lower() in BACKGROUND]] = 0
        keep[len(names) :] = 0
        shown = None if keep[: len(names)].all() and whole.class_map.max() < len(names) else keep[whole.class_map]
        _blend(canvas, whole.class_map, tables, SCENE_OPACITY, cv2.INTER_NEAREST, shown=shown)


def class_strips(brush: YuvDrawing, whole: ImageResult, names: tuple[str, ...]) -> list[TextBitmap]:
    """Return the likeliest classes and the numbers by name, one line each."""
    texts: list[tuple[str, Color]] = []
    if whole.class_score is not None:
        for class_id in np.argsort(-whole.class_score, kind="stable")[:SHOWN_CLASSES].tolist():
            text = f"{class_name(class_id, names)} {whole.class_score[class_id]:.2f}"
            texts.append((text, color_of(class_id)))
    texts += [(f"{name} {value:.4g}", BLACK) for name, value in (whole.values or {}).items()]
    return [_strip(brush, text, color) for text, color in texts]


def legend_strips(brush: YuvDrawing, whole: ImageResult, names: tuple[str, ...]) -> list[TextBitmap]:
    """Return the legend of the map: its classes in their colours, the largest first; or the distances."""
    if whole.depth_map is not None and (finite := whole.depth_map[np.isfinite(whole.depth_map)]).size:
        near, far = np.percentile(finite, [2, 98]).tolist()
        tables = _depth_tables()
        ends = ((f"{near:.3g}", 0), (f"{far:.3g}", 255))
        return [_strip(brush, text, Color(*(int(table[level]) for table in tables))) for text, level in ends]
    if whole.class_map is None:
        return []
    shares = np.bincount(whole.class_map.reshape(-1), minlength=len(names))[: len(names)] / whole.class_map.size
    present = [i for i in np.argsort(-shares, kind="stable").tolist() if shares[i] >= LEGEND_LEAST]
    named = [i for i in present if names[i].lower() not in BACKGROUND][:LEGEND_ENTRIES]
    return [_strip(brush, f"{names[i]} {shares[i]:.0%}", color_of(i)) for i in named]


def _strip(brush: YuvDrawing, text: str, color: Color) -> TextBitmap:
    scale = brush.scale
    ink = WHITE if color == BLACK else color.ink
    return render(drawable(text), scale.text_px, color, ink, scale.pad_px, scale.pad_px)


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
    for plane, table in zip((canvas.y, canvas.u, canvas.v), tables, strict=True):
        size = plane.shape[1], plane.shape[0]
        color: Any = cv2.resize(cv2.LUT(levels, table), size, interpolation=interpolation)
        mixed = cv2.addWeighted(plane, 1 - opacity, color, opacity, 0)
        if shown is None:
            plane[...] = mixed
        else:
            cv2.copyTo(mixed, cv2.resize(shown, size, interpolation=cv2.INTER_NEAREST), plane)


def _levels(depth: NDArray[np.float32]) -> U8:
    """Return distances as levels: 0 for what is near, 255 for what is far; outliers do not take the colours away."""
    finite = depth[np.isfinite(depth)]
    if not finite.size:
        return np.zeros(depth.shape, np.uint8)
    near, far = np.percentile(finite, [2, 98])
    scaled = (np.nan_to_num(depth, nan=far, posinf=far, neginf=near) - near) * (255 / max(far - near, 1e-9))
    levels: U8 = np.clip(scaled, 0, 255).astype(np.uint8)
    return levels


@lru_cache(maxsize=1)
def _class_tables() -> tuple[U8, U8, U8]:
    table = np.array([color_of(class_id) for class_id in range(256)], np.uint8)
    return table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy()


@lru_cache(maxsize=1)
def _depth_tables() -> tuple[U8, U8, U8]:
    """Return the colours of distances: red is near, blue is far."""
    colors = cv2.applyColorMap(np.arange(255, -1, -1, dtype=np.uint8)[:, None], cv2.COLORMAP_TURBO)
    luma, red, blue = cv2.split(cv2.cvtColor(colors, cv2.COLOR_BGR2YCrCb))
    return luma.reshape(-1), blue.reshape(-1), red.reshape(-1)
