"""A region in an address: its corners as numbers with commas between them."""

from __future__ import annotations

from streamvision.core.errors import ConfigError
from streamvision.core.redaction import short

MAX_CORNERS = 64


def polygon_of(text: str) -> list[tuple[float, float]]:
    """Return the corners of a region, in fractions of the picture.

    >>> polygon_of("0,0,1,0,0.5,1")
    [(0.0, 0.0), (1.0, 0.0), (0.5, 1.0)]

    Raises:
        ConfigError: when it is none.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    corners = list(zip(numbers[::2], numbers[1::2], strict=False))
    fits = len(numbers) % 2 == 0 and 3 <= len(corners) <= MAX_CORNERS
    if not fits or not all(0 <= number <= 1 for number in numbers):
        raise ConfigError(
            f"polygon={short(text)} is no region; give x,y,x,y,… of three to {MAX_CORNERS} corners, each from 0 to 1"
        )
    return corners
