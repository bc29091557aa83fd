"""Draws a picture whose style a network may learn: brush strokes along a field of whirls, in a few colours.

``python tools/draw_style_picture.py FILE.png [--side 384] [--strokes 9000] [--seed 3]``. It is drawn by chance alone,
so that nobody's work is in it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np

COLOURS_BGR = ((96, 40, 20), (160, 84, 30), (190, 150, 60), (60, 190, 240), (40, 120, 230), (200, 225, 240))
"""Night blues, two warm lights and a pale one."""
WHIRLS = 5


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--side", type=int, default=384, help="of the square, in px")
    parser.add_argument("--strokes", type=int, default=9000)
    parser.add_argument("--seed", type=int, default=3)
    given = parser.parse_args()
    cv2.imwrite(str(given.path), drawn(given.side, given.strokes, np.random.default_rng(given.seed)))


def drawn(side_px: int, strokes: int, rng: np.random.Generator) -> Any:
    """Return (side, side, 3) BGR levels."""
    picture = np.full((side_px, side_px, 3), COLOURS_BGR[0], np.uint8)
    middles, turns = rng.random((WHIRLS, 2)) * side_px, rng.choice([-1.0, 1.0], WHIRLS)
    tints = rng.permutation(len(COLOURS_BGR))[:WHIRLS]
    for place in rng.random((strokes, 2)) * side_px:
        away = place - middles
        near = np.exp(-np.square(away).sum(axis=1) / (2 * (side_px / 5) ** 2)) + 1e-3
        direction = ((turns * near)[:, None] * away[:, ::-1] * (-1, 1)).sum(axis=0)
        direction /= np.hypot(*direction) + 1e-6
        # The rings around a whirl take turns, so that strokes beside each other differ.
        ring = int(np.hypot(*away[near.argmax()]) / (side_px / 24))
        colour = np.array(COLOURS_BGR[(tints[near.argmax()] + ring) % len(COLOURS_BGR)]) + rng.normal(0, 14, 3)
        half = direction * rng.uniform(5, 11)
        ends = [tuple(round(value * 16) for value in end) for end in (place - half, place + half)]
        thick_px = int(rng.integers(2, 5))
        cv2.line(picture, *ends, tuple(np.clip(colour, 0, 255).tolist()), thick_px, cv2.LINE_AA, shift=4)
    return picture


if __name__ == "__main__":
    main()
