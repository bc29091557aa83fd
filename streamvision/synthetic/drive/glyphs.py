"""Digits and letters of road signs, as strokes of one width in the manner of DIN 1451: no font file is needed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.synthetic.drive.planes import U8

F64 = NDArray[np.float64]
_SUBPIXEL_BITS = 4
_ARC_STEPS = 18


def _arc(x: float, y: float, radius_x: float, radius_y: float, begin_deg: float, end_deg: float) -> F64:
    """Return points along an ellipse; 0 degrees point right and 90 down."""
    angle = np.deg2rad(np.linspace(begin_deg, end_deg, _ARC_STEPS))
    return np.stack([x + radius_x * np.cos(angle), y + radius_y * np.sin(angle)], axis=1)


def _path(*parts: F64 | tuple[float, float]) -> F64:
    return np.concatenate([np.atleast_2d(np.asarray(part, np.float64)) for part in parts])


_GLYPHS: dict[str, tuple[float, tuple[F64, ...]]] = {
    "0": (0.56, (_path(_arc(0.28, 0.28, 0.28, 0.28, 180, 360), _arc(0.28, 0.72, 0.28, 0.28, 0, 180), (0, 0.28)),)),
    "1": (0.30, (_path((0.0, 0.24), (0.24, 0.0), (0.24, 1.0)),)),
    "2": (0.54, (_path(_arc(0.27, 0.27, 0.27, 0.27, 190, 380), (0.02, 1.0), (0.56, 1.0)),)),
    "3": (
        0.54,
        (
            _path(_arc(0.26, 0.25, 0.25, 0.25, 200, 430), (0.22, 0.47)),
            _path((0.22, 0.47), _arc(0.26, 0.735, 0.275, 0.265, -80, 160)),
        ),
    ),
    "4": (0.60, (_path((0.36, 0.0), (0.0, 0.72), (0.60, 0.72)), _path((0.42, 0.46), (0.42, 1.0)))),
    "5": (0.54, (_path((0.50, 0.0), (0.08, 0.0), (0.04, 0.46), _arc(0.26, 0.68, 0.275, 0.32, 225, 515)),)),
    "6": (
        0.56,
        (_path(_arc(0.28, 0.70, 0.28, 0.30, 190, 550)), _path((0.40, 0.0), _arc(0.50, 0.70, 0.50, 0.52, 225, 180))),
    ),
    "7": (0.52, (_path((0.0, 0.0), (0.52, 0.0), (0.18, 1.0)),)),
    "8": (0.54, (_path(_arc(0.27, 0.235, 0.235, 0.235, 0, 360)), _path(_arc(0.27, 0.735, 0.27, 0.265, 0, 360)))),
    "9": (
        0.56,
        (_path(_arc(0.28, 0.30, 0.28, 0.30, 10, 370)), _path((0.16, 1.0), _arc(0.06, 0.30, 0.50, 0.52, 45, 0))),
    ),
    "S": (0.52, (_path(_arc(0.26, 0.25, 0.25, 0.25, -20, -260), _arc(0.26, 0.745, 0.26, 0.255, -80, 165)),)),
    "T": (0.54, (_path((0.0, 0.0), (0.54, 0.0)), _path((0.27, 0.0), (0.27, 1.0)))),
    "O": (0.56, (_path(_arc(0.28, 0.28, 0.28, 0.28, 180, 360), _arc(0.28, 0.72, 0.28, 0.28, 0, 180), (0, 0.28)),)),
    "P": (0.52, (_path((0.0, 1.0), (0.0, 0.0), (0.24, 0.0), _arc(0.24, 0.275, 0.28, 0.275, -90, 90), (0.0, 0.55)),)),
}


def draw_text(
    image: U8,
    text: str,
    *,
    center_px: tuple[float, float],
    height_px: float,
    stroke: float,
    color: tuple[int, ...],
    stretch: float = 1.0,
    gap: float = 0.18,
) -> None:
    """Draw a text about a centre.

    ``height_px`` is the height of the capitals. ``stroke`` (thickness) and ``gap`` (between letters) are shares of the
    height, ``stretch`` widens the letters.
    """
    inner = height_px * (1 - stroke)
    widths = [_GLYPHS[letter][0] * stretch * inner for letter in text]
    pitch = gap * height_px + stroke * height_px
    left = center_px[0] - (sum(widths) + pitch * (len(text) - 1)) / 2
    top = center_px[1] - inner / 2
    scale = 1 << _SUBPIXEL_BITS
    for letter, width in zip(text, widths, strict=True):
        for path in _GLYPHS[letter][1]:
            points = path * (stretch * inner, inner) + (left, top)
            fixed = np.rint((points - 0.5) * scale).astype(np.int32)
            cv2.polylines(image, [fixed], False, color, max(round(stroke * height_px), 1), cv2.LINE_AA, _SUBPIXEL_BITS)
        left += width + pitch
