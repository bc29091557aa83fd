"""Numbers that are known beside a picture, and how a network is given them: as grey bands of its input.

A network with a second input would need a converter, a runtime and a way to quantise that know of it. A band of the
picture's own tensor is part of what every one of them takes already, whatever the format. A number that is not known
is a red band, which no number is, so that networks can learn to do without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from streamvision.inference.model_card import KnownCard

UNKNOWN_RGB = (255, 0, 0)
_BANDS_A_HEIGHT = 24


def band_rows(height_px: int, at: int) -> slice:
    """Return the rows of an input that the number at a place of the card's is shown in; the first is the lowest."""
    rows = max(height_px // _BANDS_A_HEIGHT, 1)
    return slice(height_px - (at + 1) * rows, height_px - at * rows)


def shown_rgb(card: KnownCard, value: float | None) -> tuple[int, int, int]:
    """Return the levels that a number is shown by; ``None`` and NaN are not known."""
    if value is None or value != value:
        return UNKNOWN_RGB
    level = round(255 * min(max(value / card.largest, 0.0), 1.0))
    return level, level, level


def show(rgb: NDArray[np.uint8], cards: Sequence[KnownCard], known: Mapping[str, float | None]) -> None:
    """Write numbers into (H, W, 3) RGB levels, in place."""
    for at, card in enumerate(cards):
        rgb[band_rows(len(rgb), at)] = shown_rgb(card, known.get(card.name))
