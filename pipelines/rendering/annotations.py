"""What the user's own stages want drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.rendering.palette import color_from_rgb
from pipelines.rendering.text import drawable, render
from pipelines.rendering.yuv_drawing import YuvDrawing
from streamvision.core.stage_output import Mark, Outline


def draw_marks(brush: YuvDrawing, marks: Sequence[Mark]) -> None:
    """Draw outlines and notes in their order; what reaches over the border is cut off."""
    scale = brush.scale
    for mark in marks:
        color = color_from_rgb(*mark.color)
        if isinstance(mark, Outline):
            ring = (*mark.points_px, mark.points_px[0]) if mark.closed and mark.points_px else mark.points_px
            brush.curves([np.array(ring, np.float32)] if ring else [], color, line_px=scale.line_px)
        else:
            strip = render(drawable(mark.text), scale.text_px, color, color.ink, scale.pad_px, scale.pad_px)
            brush.paste(strip, round(mark.at_px[0]), round(mark.at_px[1]))
