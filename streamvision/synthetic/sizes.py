"""Which sizes pictures can be drawn in."""

from __future__ import annotations

from streamvision.core.errors import ConfigError

LEAST_SIDE_PX, MOST_SIDE_PX = 32, 8192
MOST_ASPECT = 16
"""How many times as long as the other a side may be: of a flatter street nothing is left to see."""
MOST_PIXELS = 8192 * 4320
"""8K; a picture takes fifty bytes a pixel while it is drawn."""
SIZES_IN_WORDS = (
    f"sides from {LEAST_SIDE_PX} to {MOST_SIDE_PX} pixels, none over {MOST_ASPECT} times the other, and at most "
    f"{MOST_PIXELS // 1_000_000} million pixels in all"
)


def can_be_drawn(width_px: int, height_px: int) -> bool:
    """Say whether pictures of a size can be drawn."""
    shorter_px, longer_px = sorted((width_px, height_px))
    return (
        shorter_px >= LEAST_SIDE_PX
        and longer_px <= min(MOST_SIDE_PX, MOST_ASPECT * shorter_px)
        and width_px * height_px <= MOST_PIXELS
    )


def check_size(width_px: int, height_px: int) -> None:
    """Check that pictures of a size can be drawn.

    Raises:
        ConfigError: when they cannot.
    """
    if not can_be_drawn(width_px, height_px):
        raise ConfigError(f"pictures of {width_px}x{height_px} are not drawn; give {SIZES_IN_WORDS}")
