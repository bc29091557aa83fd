"""Pictures as data inside the page."""

from __future__ import annotations

import base64
from typing import Any

import cv2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from streamvision.evaluation.gallery import GalleryPicture, Mark

QUALITY = 78
FONT_SHARE = 0.03
"""Height of letters, as a share of the picture's longer side."""
LETTER_WIDTH = 0.58
"""Mean width of a letter, as a share of its height."""


def data_uri(bgr: NDArray[np.uint8], *, longest_px: int) -> str:
    """Return a picture as a JPEG data URI, made smaller where its longer side has more pixels than that."""
    height, width = bgr.shape[:2]
    scale = longest_px / max(height, width)
    if scale < 1:
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        small: Any = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    else:
        small = bgr
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode('ascii')}"


def overlay(picture: GalleryPicture) -> Markup:
    """Return the boxes of a picture as SVG in the picture's own pixels."""
    font = FONT_SHARE * max(picture.width_px, picture.height_px)
    boxes = Markup("").join(
        Markup(
            '<g class="mark {}"><rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
            '<text x="{:.1f}" y="{:.1f}" font-size="{:.2f}">{}</text></g>'
        ).format(
            *(mark.kind, left, top, right - left, bottom - top),
            *_label_place(mark, picture, font),
            *(font, mark.label if mark.kind != "found" else ""),
        )
        for mark in picture.marks
        for left, top, right, bottom in [mark.box_xyxy_px]
    )
    return Markup('<svg viewBox="0 0 {} {}" aria-hidden="true">{}</svg>').format(
        picture.width_px, picture.height_px, boxes
    )


def _label_place(mark: Mark, picture: GalleryPicture, font: float) -> tuple[float, float]:
    """Return where a label begins: the model's words above the box, missed objects' below, both inside the picture."""
    left, top, _, bottom = mark.box_xyxy_px
    edge = font / 3
    x = max(min(left, picture.width_px - edge - LETTER_WIDTH * font * len(mark.label)), edge)
    y = bottom + 1.1 * font if mark.kind == "missed" else top - edge
    return x, min(max(y, 1.05 * font), picture.height_px - edge)
