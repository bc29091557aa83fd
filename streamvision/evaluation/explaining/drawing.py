"""Draws explanations: the picture with all that was said, then a panel for each part of it with its heat and curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.resampling import scaled
from streamvision.evaluation.explaining.covering import Curves
from streamvision.evaluation.explaining.explanation import METHOD_WORDS, Explanation
from streamvision.evaluation.explaining.subjects import Subject
from streamvision.inference.model_card import Task

U8 = NDArray[np.uint8]
PANEL_PX = 480
THUMB_PX = 72
GAP_PX = 16
STRIP_PX = 46
PLOT_PX = 110
COLUMNS = 3
GROUND = (19, 13, 10)
INK = (245, 238, 234)
SOFT = (181, 163, 152)
GRID = (57, 44, 35)
BOX = (153, 211, 52)
LOST = (133, 113, 251)
FONT = cv2.FONT_HERSHEY_DUPLEX
NOUNS: dict[Task, tuple[str, str]] = {
    "classify": ("class", "classes"),
    "semantic": ("region", "regions"),
    "embed": ("description", "descriptions"),
}
"""What is explained, by task, one and several; objects where it is not here."""


@dataclass(frozen=True, eq=False)
class Thumb:
    """A small picture with a word under it."""

    bgr: U8
    """(H, W, 3) its pixels."""
    label: str
    """The word."""


def draw_explanation(explanation: Explanation, look_alikes: Sequence[Sequence[Thumb]] = ()) -> U8:
    """Return the sheet as (H, W, 3) BGR; ``look_alikes`` has a row of thumbs for each subject, or is empty."""
    scale = PANEL_PX / max(explanation.bgr.shape[:2])
    picture = scaled(explanation.bgr, scale)
    overview = picture.copy()
    for subject in explanation.subjects:
        _outline(overview, subject, scale)
    words = METHOD_WORDS[explanation.method] if explanation.subjects else "nothing to explain"
    panels = [_panel(overview, title(explanation), words, None, ())]
    for index, subject in enumerate(explanation.subjects):
        hot = _heated(picture, scaled(explanation.heat[index], scale))
        _outline(hot, subject, scale)
        thumbs = look_alikes[index] if look_alikes else ()
        inside = inside_words(explanation, index)
        panels.append(_panel(hot, f"{subject.name} {subject.score:.2f}", inside, explanation.curves[index], thumbs))
    return _sheet(panels)


def title(explanation: Explanation) -> str:
    """Return what was explained, as "3 objects"."""
    one, several = NOUNS.get(explanation.task, ("object", "objects"))
    count = len(explanation.subjects)
    return f"{count} {one if count == 1 else several}"


def inside_words(explanation: Explanation, index: int) -> str:
    """Return how much of a subject's heat is where it is said to be."""
    place = explanation.place(index)
    if not explanation.heat[index].any():
        return "no heat"
    if place is None or (share := explanation.share_inside(index, place)) is None:
        return "heat over the whole picture"
    what = "region" if explanation.subjects[index].region is not None else "box"
    return f"{100 * share:.0f} % of the heat is inside the {what}, {100 * place.mean():.2g} % of the area"


def _heated(picture: U8, heat: NDArray[np.float32]) -> U8:
    """Return the picture darkened where it is cold and coloured where it is hot."""
    colors: Any = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    strength = (0.15 + 0.6 * np.sqrt(np.clip(heat, 0, 1)))[..., None]
    grey: Any = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    base = 0.35 * picture + 0.45 * grey
    blended: U8 = ((1 - strength) * base + strength * colors).astype(np.uint8)
    return blended


def _panel(picture: U8, title: str, subtitle: str, curves: Curves | None, thumbs: Sequence[Thumb]) -> U8:
    height, width = picture.shape[:2]
    wide = max(width, 340)
    plot_px = PLOT_PX + GAP_PX if curves else 0
    below = STRIP_PX + height + plot_px
    panel = np.full((below + (THUMB_PX + 34 if thumbs else 0), wide, 3), GROUND, np.uint8)
    _write(panel, title, 2, 17, 0.56, INK)
    _write(panel, subtitle, 2, 37, 0.42, SOFT)
    panel[STRIP_PX : STRIP_PX + height, :width] = picture
    if curves:
        _plot(panel[STRIP_PX + height + GAP_PX : below], curves)
    for index, thumb in enumerate(thumbs):
        left, top = index * (THUMB_PX + 6), below + 10
        if left + THUMB_PX > wide:
            break
        small = scaled(thumb.bgr, THUMB_PX / max(thumb.bgr.shape[:2]))
        panel[top : top + small.shape[0], left : left + small.shape[1]] = small
        _write(panel, thumb.label[:12], left, top + THUMB_PX + 14, 0.34, SOFT)
    return panel


def _plot(panel: U8, curves: Curves) -> None:
    """Draw both curves over the share of the pixels, with their areas beside them."""
    height, width = panel.shape[:2]
    left, right, top, bottom = 22, width - 150, 6, height - 20
    for value in (0.0, 0.5, 1.0):
        y = round(bottom - value * (bottom - top))
        cv2.line(panel, (left, y), (right, y), GRID, 1)
        _write(panel, f"{value:g}", 0, y + 4, 0.3, SOFT)
    _write(panel, "share of the pixels, the hottest first", left, height - 4, 0.34, SOFT)
    rows = (
        ("deletion", curves.deletion, curves.deletion_area, LOST),
        ("insertion", curves.insertion, curves.insertion_area, BOX),
    )
    for row, (name, line, area, color) in enumerate(rows):
        x = left + np.linspace(0, 1, len(line)) * (right - left)
        y = bottom - np.clip(line, 0, 1) * (bottom - top)
        cv2.polylines(panel, [np.stack([x, y], axis=1).round().astype(np.int32)], False, color, 2, cv2.LINE_AA)
        _write(panel, f"{name} {area:.2f}", right + 14, top + 16 + 22 * row, 0.42, color)


def _write(panel: U8, text: str, left: int, base: int, size: float, color: tuple[int, int, int]) -> None:
    cv2.putText(panel, text, (left, base), FONT, size, color, 1, cv2.LINE_AA)


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


def _outline(picture: U8, subject: Subject, scale: float) -> None:
    """Draw where a subject is said to be."""
    lines: list[Any] = []
    if subject.region is not None:
        small = scaled(subject.region.astype(np.uint8), scale)
        lines = list(cv2.findContours(small, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0])
    elif subject.box_xyxy_px is not None:
        left, top, right, bottom = (round(scale * side) for side in subject.box_xyxy_px)
        lines = [np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.int32)]
    cv2.polylines(picture, lines, True, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.polylines(picture, lines, True, BOX, 1, cv2.LINE_AA)
