"""Text as ready-made strips of pixels: rendered once, kept in a bounded cache, pasted by array copy.

OpenCV's stroke font is drawn four times too large and averaged down, which gives even, well-weighted strokes at
sizes where drawing it directly gives broken ones.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np

from pipelines.rendering.palette import Color
from streamvision.core.picture import U8, Planes

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_CAP_UNITS = 21.0  # height of a capital at scale 1
_OVERSAMPLE = 4
_CAP_OF_STRIP = 0.54  # height of a capital, as a part of the strip's height
_STROKE_OF_CAP = 0.135
_MAX_CHARS = 48
_CACHED_STRIPS = 1024  # about 4 MB of strips at 1080p, 15 MB at 4K


@dataclass(frozen=True, eq=False)
class TextBitmap(Planes):
    """A rendered piece of text on its background, of even width and height so that chroma fits. Read-only."""


@lru_cache(maxsize=1024)
def drawable(text: str) -> str:
    """Return the text in the letters that the font has, at most 48 of them; others lose their accents or become ``?``.

    >>> drawable("Fußgänger")
    'Fussganger'
    """
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    letters = "".join(char if " " <= char <= "~" else "?" for char in plain if not unicodedata.combining(char))
    return letters if len(letters) <= _MAX_CHARS else letters[: _MAX_CHARS - 2] + ".."


@lru_cache(maxsize=_CACHED_STRIPS)
def render(text: str, height_px: int, paper: Color, ink: Color, pad_left_px: int, pad_right_px: int) -> TextBitmap:
    """Return ``text`` in ``ink`` on ``paper``; the height must be even, the width is made so."""
    coverage = _coverage(text, height_px, pad_left_px, pad_right_px)
    coarse = cv2.resize(coverage, (coverage.shape[1] // 2, height_px // 2), interpolation=cv2.INTER_AREA)
    return TextBitmap(_mix(coverage, paper.y, ink.y), _mix(coarse, paper.u, ink.u), _mix(coarse, paper.v, ink.v))


def _coverage(text: str, height_px: int, pad_left_px: int, pad_right_px: int) -> U8:
    """Return how much of each pixel the strokes cover, 0..255."""
    letters = [_letter(char, height_px) for char in text]
    stroke_px = _stroke_px(height_px)
    text_px = sum(letter.advance_px for letter in letters) + stroke_px
    width_px = pad_left_px + -(-text_px // _OVERSAMPLE) + pad_right_px
    width_px += width_px % 2
    large = np.zeros((height_px * _OVERSAMPLE, width_px * _OVERSAMPLE + 2 * stroke_px), np.uint8)
    left_px = pad_left_px * _OVERSAMPLE
    for letter in letters:
        part = large[:, left_px : left_px + letter.coverage.shape[1]]
        np.maximum(part, letter.coverage, out=part)
        left_px += letter.advance_px
    inside = large[:, stroke_px:-stroke_px]
    return cv2.resize(inside, (width_px, height_px), interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]


class _Letter(NamedTuple):
    """One letter, oversampled."""

    coverage: U8
    """Its strokes, with the width of a stroke more at both sides, since some reach beyond the letter's own width."""
    advance_px: int
    """How far on the next letter begins."""


@lru_cache(maxsize=512)
def _letter(char: str, height_px: int) -> _Letter:
    """Return one letter.

    Numbers change with every frame; to put words together from letters takes a quarter of the time of drawing them.
    """
    cap_px, stroke_px = _cap_px(height_px), _stroke_px(height_px)
    scale = cap_px / _FONT_CAP_UNITS
    advance_px = cv2.getTextSize(char, _FONT, scale, stroke_px)[0][0] - stroke_px
    coverage = np.zeros((height_px * _OVERSAMPLE, advance_px + 2 * stroke_px), np.uint8)
    baseline_px = round((height_px * _OVERSAMPLE + cap_px) / 2 - 0.09 * cap_px)
    cv2.putText(coverage, char, (stroke_px, baseline_px), _FONT, scale, 255, stroke_px, cv2.LINE_AA)
    return _Letter(coverage, advance_px)


def _cap_px(height_px: int) -> float:
    """Return the height of a capital, oversampled."""
    return _CAP_OF_STRIP * height_px * _OVERSAMPLE


def _stroke_px(height_px: int) -> int:
    """Return the width of a stroke, oversampled."""
    return max(1, round(_STROKE_OF_CAP * _cap_px(height_px)))


@lru_cache(maxsize=256)
def _ramp(paper: int, ink: int) -> U8:
    """Return the level of each coverage."""
    return np.rint(np.linspace(paper, ink, 256)).astype(np.uint8)


def _mix(coverage: U8, paper: int, ink: int) -> U8:
    mixed: Any = cv2.LUT(coverage, _ramp(paper, ink))
    mixed.flags.writeable = False
    return mixed  # type: ignore[no-any-return]
