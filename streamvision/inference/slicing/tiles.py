"""Into which overlapping tiles a picture is cut, by its size and the network's input."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np

from streamvision.core.config.slices import MAX_TILES, Grid, SlicesConfig
from streamvision.core.errors import ConfigError
from streamvision.core.inference_plan import FULL, InferencePlan
from streamvision.core.resampling import Window
from streamvision.inference.model_card import OBJECT_TASKS, ModelCard

TILE_PER_INPUT = 2.0
"""Side of a tile by ``auto``, in sides of the network's input: how much smaller than life objects are then shown."""
SLICED_FROM = 2.5
"""From which longer side on ``auto`` cuts a picture, in sides of the network's input."""
MAX_SIZES = 64
"""Sizes of pictures whose tiles are remembered."""


class Tiling:
    """Cuts pictures into tiles. All tiles of a picture have one size, so that they share a call of the network.

    Args:
        config: how.
        card: the model's card; ``auto`` goes by its input's size.

    Raises:
        ConfigError: when the model says something of whole pictures, which tiles cannot give.
    """

    def __init__(self, config: SlicesConfig, card: ModelCard) -> None:
        if not can_slice(card):
            raise ConfigError(
                f"slices is {config.tiles}, but the model is for {card.task}, which it says of a picture as a whole; "
                f"leave slices out, or give a model for {', '.join(OBJECT_TASKS)}"
            )
        self.config = config
        """How it cuts, and how what is found is merged."""
        input_px = max(card.input.width_px, card.input.height_px)
        self.of = lru_cache(maxsize=MAX_SIZES)(partial(_tiles, config, input_px))
        """Return the tiles of pictures of a width and height in pixels, row by row; none where one is shown whole."""
        self.plan_of = lru_cache(maxsize=MAX_SIZES)(partial(_plan, config, self.of))
        """Return the plan that shows all of a picture of a width and height in pixels, and its tiles."""


def can_slice(card: ModelCard) -> bool:
    """Say whether what a model finds on the tiles of a picture can be put together: objects can."""
    return card.task in OBJECT_TASKS


def tiling_of(config: SlicesConfig, card: ModelCard) -> Tiling | None:
    """Return what cuts the pictures of a model; ``None`` where nothing is cut.

    Raises:
        ConfigError: as for :class:`Tiling`.
    """
    return Tiling(config, card) if config.is_on else None


def _plan(
    config: SlicesConfig, tiles_of: Callable[[int, int], tuple[Window, ...]], width_px: int, height_px: int
) -> InferencePlan:
    tiles = tiles_of(width_px, height_px)
    return InferencePlan("full", tiles=tiles, slices=config) if tiles else FULL


def _tiles(config: SlicesConfig, input_px: int, width_px: int, height_px: int) -> tuple[Window, ...]:
    grid = _grid(config, input_px, width_px, height_px)
    if grid.columns * grid.rows < 2:
        return ()
    lefts, tile_width = _cut(width_px, grid.columns, config.overlap)
    tops, tile_height = _cut(height_px, grid.rows, config.overlap)
    tiles = tuple(Window(left, top, left + tile_width, top + tile_height) for top in tops for left in lefts)
    return tiles if len(tiles) > 1 else ()


def _grid(config: SlicesConfig, input_px: int, width_px: int, height_px: int) -> Grid:
    if (grid := config.grid) is not None:
        return grid
    side_px = config.side_px
    if side_px is None:
        if max(width_px, height_px) < SLICED_FROM * input_px:
            return Grid(1, 1)
        side_px = round(TILE_PER_INPUT * input_px)
    while True:
        columns, rows = (_count(length, side_px, config.overlap) for length in (width_px, height_px))
        if columns * rows <= MAX_TILES:
            return Grid(columns, rows)
        side_px = math.ceil(1.1 * side_px)


def _count(length_px: int, side_px: int, overlap: float) -> int:
    """Return how few tiles of that side, overlapping at least so far, cover a length."""
    return max(math.ceil((length_px - side_px * overlap) / (side_px * (1 - overlap))), 1)


def _cut(length_px: int, count: int, overlap: float) -> tuple[list[int], int]:
    """Return where so many tiles begin, at even pixels, and their side; the last ends where the picture does.

    A picture of few pixels has fewer places where one may begin than were asked for.
    """
    if count == 1:
        return [0], length_px
    side_px = min(max(math.ceil(length_px / (count - (count - 1) * overlap)), 2), length_px)
    side_px += (length_px - side_px) % 2
    return np.unique(np.linspace(0, (length_px - side_px) // 2, count).round().astype(int) * 2).tolist(), side_px
