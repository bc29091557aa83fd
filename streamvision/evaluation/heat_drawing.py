"""Draws explanations: the picture with all objects, then one panel an object with its heat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.resampling import scaled
from streamvision.evaluation.heat import METHOD_WORDS, Explanation

U8 = NDArray[np.uint8]
PANEL_PX = 480
THUMB_PX = 72
GAP_PX = 16
STRIP_PX = 46
COLUMNS = 3
GROUND = (19, 13, 10)
INK = (245, 238, 234)
SOFT = (181, 163, 152)
BOX = (153, 211, 52)
FONT = cv2.FONT_HERSHEY_DUPLEX


@dataclass(frozen=True, eq=False)
class Thumb:
    """A small picture with a word under it."""

    bgr: U8
    """(H, W, 3) its pixels."""
    label: str
    """The word."""


def draw_explanation(explanation: Explanation, look_alikes: Sequence[Sequence[Thumb]] = ()) -> U8:
    """Return the sheet as (H, W, 3) BGR; ``look_alikes`` has a row of thumbs for each object, or is empty."""
    scale = PANEL_PX / max(explanation.bgr.shape[:2])
    boxes = explanation.found.box_xyxy_px * scale
    picture = scaled(explanation.bgr, scale)
    overview = picture.copy()
    for box in boxes:
        _box(overview, box)
    count = len(boxes)
    title = f"{count} object{'s' * (count != 1)}"
    panels = [_panel(overview, title, METHOD_WORDS[explanation.method] if count else "nothing to explain", ())]
    for index, box in enumerate(boxes):
        hot = _heated(picture, scaled(explanation.heat[index], scale))
        _box(hot, box)
        name = explanation.names[int(explanation.found.class_id[index])]
        share = explanation.share_inside(index)
        inside = "no heat" if share is None else f"{share:.0%} of the heat is inside the box"
        thumbs = look_alikes[index] if look_alikes else ()
        panels.append(_panel(hot, f"{name} {explanation.found.score[index]:.2f}", inside, thumbs))
    return _sheet(panels)


def _heated(picture: U8, heat: NDArray[np.float32]) -> U8:
    """Return the picture darkened where it is cold and coloured where it is hot."""
    colors: Any = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    strength = (0.15 + 0.6 * np.sqrt(np.clip(heat, 0, 1)))[..., None]
    grey: Any = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    base = 0.35 * picture + 0.45 * grey
    blended: U8 = ((1 - strength) * base + strength * colors).astype(np.uint8)
    return blended


def _panel(picture: U8, title: str, subtitle: str, thumbs: Sequence[Thumb]) -> U8:
    height, width = picture.shape[:2]
    wide = max(width, 340)
    panel = np.full((STRIP_PX + height + (THUMB_PX + 34 if thumbs else 0), wide, 3), GROUND, np.uint8)
    cv2.putText(panel, title, (2, 17), FONT, 0.56, INK, 1, cv2.LINE_AA)
    cv2.putText(panel, subtitle, (2, 37), FONT, 0.42, SOFT, 1, cv2.LINE_AA)
    panel[STRIP_PX : STRIP_PX + height, :width] = picture
    for index, thumb in enumerate(thumbs):
        left, top = index * (THUMB_PX + 6), STRIP_PX + height + 10
        if left + THUMB_PX > wide:
            break
        small = scaled(thumb.bgr, THUMB_PX / max(thumb.bgr.shape[:2]))
        panel[top : top + small.shape[0], left : left + small.shape[1]] = small
        cv2.putText(panel, thumb.label[:12], (left, top + THUMB_PX + 14), FONT, 0.34, SOFT, 1, cv2.LINE_AA)
    return panel


def _sheet(panels: Sequence[U8]) -> U8:
    columns = min(COLUMNS, len(panels))
    width = max(panel.shape[1] for panel in panels)
    height = max(panel.shape[0] for panel in panels)
    rows = -(-len(panels) // columns)
    sheet = np.full((GAP_PX + rows * (height + GAP_PX), GAP_PX + columns * (width + GAP_PX), 3), GROUND, np.uint8)
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        top, left = GAP_PX + row * (height + GAP_PX), GAP_PX + column * (width + GAP_PX)
        sheet[top : top + panel.shape[0], left : left + panel.shape[1]] = panel
    return sheet


def _box(picture: U8, box: NDArray[np.float32]) -> None:
    left, top, right, bottom = box.round().astype(int).tolist()
    cv2.rectangle(picture, (left, top), (right, bottom), (0, 0, 0), 3, cv2.LINE_AA)
    cv2.rectangle(picture, (left, top), (right, bottom), BOX, 1, cv2.LINE_AA)
