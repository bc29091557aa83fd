"""Text as ready-made bitmaps: rendered once, kept in a bounded cache, pasted by array copy.

OpenCV's stroke font is drawn four times too large and averaged down, which gives even, well-weighted strokes at
sizes where drawing it directly gives broken ones. Numbers change with every frame, so texts are put together from
letters that are kept, which takes a small part of the time of drawing them.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from pipelines.rendering.palette import Color
from streamvision.core.picture import U8, Planes

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_CAP_UNITS = 21.0  # height of a capital at scale 1
_OVERSAMPLE = 4
_CAP_OF_LINE = 0.54  # height of a capital, as a part of the line's height
_STROKE_OF_LINE = 0.135 * _CAP_OF_LINE
MOST_LETTERS = 48
"""Of a line of text."""
_CACHED_TEXTS = 1024
"""About 2 MB, 7 at 4K. Five busy streams miss 0.22 texts a frame with it, as with twice as many; with half, 0.32."""


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
    return letters if len(letters) <= MOST_LETTERS else letters[: MOST_LETTERS - 2] + ".."


@lru_cache(maxsize=_CACHED_TEXTS)
def render(
    text: str, height_px: int, background: Color, foreground: Color, pad_left_px: int, pad_right_px: int
) -> TextBitmap:
    """Return ``text`` in ``foreground`` on ``background``; the height must be even, the width is made so."""
    margin_px = _margin_px(height_px)
    letters = [_letter(char, height_px) for char in text]
    width_px = pad_left_px + sum(letter.shape[1] - 2 * margin_px for letter in letters) + pad_right_px
    width_px += width_px % 2
    wide = np.zeros((height_px, width_px + 2 * margin_px), np.uint8)
    left_px = pad_left_px
    for letter in letters:
        end_px = left_px + letter.shape[1]
        np.maximum(wide[:, left_px:end_px], letter, out=wide[:, left_px:end_px])
        left_px = end_px - 2 * margin_px
    coverage = wide[:, margin_px : margin_px + width_px]
    coarse = cv2.resize(coverage, (coverage.shape[1] // 2, height_px // 2), interpolation=cv2.INTER_AREA)
    return TextBitmap(
        _mix(coverage, background.y, foreground.y),
        _mix(coarse, background.u, foreground.u),
        _mix(coarse, background.v, foreground.v),
    )


@lru_cache(maxsize=512)
def _letter(char: str, height_px: int) -> U8:
    """Return how much of each pixel one letter's strokes cover, 0..255.

    At both sides there is a margin, since some strokes reach beyond the letter's own width.
    """
    cap_px = _CAP_OF_LINE * height_px * _OVERSAMPLE
    stroke_px, margin_px = _stroke_px(height_px), _margin_px(height_px)
    scale = cap_px / _FONT_CAP_UNITS
    advance_px = round((cv2.getTextSize(char, _FONT, scale, stroke_px)[0][0] - stroke_px) / _OVERSAMPLE)
    width_px = advance_px + 2 * margin_px
    large = np.zeros((height_px * _OVERSAMPLE, width_px * _OVERSAMPLE), np.uint8)
    baseline_px = round((height_px * _OVERSAMPLE + cap_px) / 2 - 0.09 * cap_px)
    cv2.putText(large, char, (margin_px * _OVERSAMPLE, baseline_px), _FONT, scale, 255, stroke_px, cv2.LINE_AA)
    return cv2.resize(large, (width_px, height_px), interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]


def _stroke_px(height_px: int) -> int:
    """Return the width of a stroke, oversampled."""
    return max(1, round(_STROKE_OF_LINE * height_px * _OVERSAMPLE))


def _margin_px(height_px: int) -> int:
    """Return the width of a stroke in whole pixels."""
    return -(-_stroke_px(height_px) // _OVERSAMPLE)


@lru_cache(maxsize=256)
def _ramp(background: int, foreground: int) -> U8:
    """Return the level of each coverage."""
    return np.rint(np.linspace(background, foreground, 256)).astype(np.uint8)


def _mix(coverage: Any, background: int, foreground: int) -> U8:
    mixed: Any = cv2.LUT(coverage, _ramp(background, foreground))
    mixed.flags.writeable = False
    return mixed  # type: ignore[no-any-return]
