"""Colours of objects: told apart with and without full colour vision, bright enough for dark pictures.

The hues follow Okabe and Ito's "Color Universal Design" set (2008). Their lightness was chosen so that any two stay
apart for normal, protan, deutan and tritan vision alike (simulated after Machado et al., 2009: CIELAB distance at least
24; with ten colours it falls to 9). Neighbours in the list differ most, as identities near in time are near in number.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from streamvision.core.picture import U8


class Color(NamedTuple):
    """A colour in full-range BT.601 YUV, each part 0..255, as a canvas holds it."""

    y: int
    u: int
    v: int

    @property
    def text_color(self) -> Color:
        """Black or white, whichever is read better on this colour."""
        return BLACK if self.y >= 125 else WHITE


def color_from_rgb(red: int, green: int, blue: int) -> Color:
    """Convert an RGB colour (0..255) to the canvas' full-range BT.601 (ITU-R BT.601-7, JFIF 1.02).

    >>> color_from_rgb(255, 255, 255)
    Color(y=255, u=128, v=128)
    """
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    blue_difference = 128 + (blue - luma) / 1.772
    red_difference = 128 + (red - luma) / 1.402
    return Color(*(min(max(round(part), 0), 255) for part in (luma, blue_difference, red_difference)))


BLACK = Color(14, 128, 128)
WHITE = Color(250, 128, 128)
UNCONFIRMED = color_from_rgb(214, 220, 226)
"""Objects to which no tracker has given an identity yet."""

PALETTE = tuple(
    color_from_rgb(*rgb)
    for rgb in (
        (255, 153, 0),  # orange
        (41, 206, 255),  # sky blue
        (209, 59, 15),  # vermilion
        (150, 80, 232),  # violet
        (27, 145, 99),  # bluish green
        (246, 255, 125),  # yellow
        (211, 35, 163),  # magenta
        (195, 250, 214),  # mint
    )
)


def color_of(key: int) -> Color:
    """Return the colour of an identity or class: the same key always has the same one."""
    return PALETTE[key % len(PALETTE)]


@lru_cache(maxsize=1)
def turbo_tables() -> tuple[U8, U8, U8]:
    """Return Google's Turbo colour map, from blue at 0 to red at 255: (256,) luma and both colour differences."""
    colors = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_TURBO)
    luma, red, blue = cv2.split(cv2.cvtColor(colors, cv2.COLOR_BGR2YCrCb))
    return luma.reshape(-1), blue.reshape(-1), red.reshape(-1)
