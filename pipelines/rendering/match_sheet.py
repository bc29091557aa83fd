"""One picture of a search: what was looked for at the left, what was found beside it, the most alike first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

import cv2
import numpy as np

from pipelines.rendering.palette import WHITE, color_from_rgb
from pipelines.rendering.text import drawable, render
from pipelines.rendering.yuv_drawing import YuvDrawing
from streamvision.core.picture import U8, BgrPicture, Canvas
from streamvision.core.upright import decode_upright
from streamvision.search.index import Match

CELL_PX, GAP_PX, TEXT_PX = 160, 16, 20
"""Side of the square that a picture is fitted into, the space around it, and the height of a line of text."""
COLUMNS = 5
MAX_SHOWN = 50
"""Most matches on a sheet; ten rows are as much as anybody looks at."""
_SHEET_BGR = (28, 23, 20)
_SHEET_COLOR = color_from_rgb(20, 23, 28)
_FAINT_COLOR = color_from_rgb(150, 158, 168)
_LINES = 3
_LETTERS = 17
"""About as many letters of a stream's name as fit under a picture."""


def draw_matches(query_bgr: U8, matches: Sequence[Match], *, title: str = "query") -> Canvas:
    """Return the sheet.

    Args:
        query_bgr: (H, W, 3) what was looked for.
        matches: what was found; the first :data:`MAX_SHOWN` are drawn.
        title: what stands under the query.
    """
    shown = matches[:MAX_SHOWN]
    step_px = CELL_PX + GAP_PX, CELL_PX + _LINES * TEXT_PX + GAP_PX
    rows = max(-(-len(shown) // COLUMNS), 1)
    sheet = np.full((GAP_PX + rows * step_px[1], 2 * GAP_PX + (COLUMNS + 1) * step_px[0], 3), _SHEET_BGR, np.uint8)
    places = [
        (2 * GAP_PX + (1 + number % COLUMNS) * step_px[0], GAP_PX + number // COLUMNS * step_px[1])
        for number in range(len(shown))
    ]
    _fit(sheet, query_bgr, GAP_PX, GAP_PX)
    for match, (left_px, top_px) in zip(shown, places, strict=True):
        thumbnail = decode_upright(match.tracklet.thumbnail_jpeg)
        if thumbnail is not None:
            _fit(sheet, thumbnail, left_px, top_px)
    canvas = BgrPicture(sheet).to_canvas()
    drawing = YuvDrawing(canvas)
    _write(drawing, [title if shown else f"{title}: nothing alike"], GAP_PX, GAP_PX)
    for match, place in zip(shown, places, strict=True):
        one = match.tracklet
        _write(
            drawing,
            [
                f"{match.similarity:.2f}  {one.class_name} {one.track_id}",
                f"{clock(one.first_s)} - {clock(one.last_s)}"
                if one.first_unix_s is None
                else _moment(one.first_unix_s),
                one.stream_id[:_LETTERS],
            ],
            *place,
        )
    return canvas


def clock(seconds: float) -> str:
    """Return a time of a recording as people write it.

    >>> clock(3725.46)
    '1:02:05.5'
    """
    tenths = round(max(seconds, 0.0) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest / 10:04.1f}" if hours else f"{minutes}:{rest / 10:04.1f}"


def _moment(unix_s: float) -> str:
    return f"{datetime.fromtimestamp(unix_s, timezone.utc):%m-%d %H:%M:%S}Z"


def _fit(sheet: U8, picture: U8, left_px: int, top_px: int) -> None:
    """Lay a picture into the middle of a cell, as large as it fits."""
    height_px, width_px = picture.shape[:2]
    scale = CELL_PX / max(height_px, width_px)
    size = max(round(width_px * scale), 1), max(round(height_px * scale), 1)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    left_px, top_px = left_px + (CELL_PX - size[0]) // 2, top_px + (CELL_PX - size[1]) // 2
    sheet[top_px : top_px + size[1], left_px : left_px + size[0]] = small


def _write(drawing: YuvDrawing, lines: Sequence[str], left_px: int, top_px: int) -> None:
    for number, line in enumerate(lines):
        text = render(drawable(line), TEXT_PX, _SHEET_COLOR, _FAINT_COLOR if number else WHITE, 0, 0)
        drawing.paste(text, left_px, top_px + CELL_PX + number * TEXT_PX)
