"""Slicing: in which tiles a large picture is shown to the network beside the whole, and how objects are merged."""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple

from pydantic import Field, field_validator

from streamvision.core.config.section import Section

MatchMetric = Literal["ios", "iou"]
MAX_TILES = 64
"""Most tiles of one picture."""
MIN_TILE_PX = 64
MAX_TILE_PX = 8192
_GRID = re.compile(r"([0-9]{1,3})[x×]([0-9]{1,3})")
_SIDE = re.compile(r"([0-9]{1,5})px")


class Grid(NamedTuple):
    """How many tiles a picture is cut into."""

    columns: int
    """Across."""
    rows: int
    """Down."""


class SlicesConfig(Section):
    """In which tiles a large picture is shown to the network beside the whole, and how their objects are merged."""

    tiles: str = Field(
        "off",
        description="off; auto: overlapping tiles where a picture is much larger than the network's input, for small "
        "objects; COLSxROWS, such as 4x2; or the side of a tile in the picture, such as 960px. Each tile is one more "
        "input of the network.",
    )
    overlap: float = Field(0.2, ge=0, le=0.5, description="How far neighbouring tiles overlap, as a share of a tile.")
    merge: Literal["greedy_nmm", "nmm", "nms"] = Field(
        "nms",
        description="What becomes of boxes that match, as in SAHI: nms keeps the best, greedy_nmm joins them into it, "
        "nmm joins what hangs together.",
    )
    match_metric: MatchMetric = Field(
        "ios", description="What is compared: ios, the intersection over the smaller box; iou, over the union."
    )
    match_threshold: float = Field(0.7, gt=0, le=1, description="Overlap from which two boxes are one object.")

    @field_validator("tiles", mode="before")
    @classmethod
    def _off_in_yaml(cls, given: Any) -> Any:
        """Return ``off`` for what YAML makes of it."""
        return "off" if given is False else given

    @field_validator("tiles")
    @classmethod
    def _is_known(cls, given: str) -> str:
        """Refuse what is neither a word, a grid nor a side."""
        text = given.strip().lower()
        if text in ("off", "auto"):
            return text
        if grid := _GRID.fullmatch(text):
            columns, rows = int(grid[1]), int(grid[2])
            if columns and rows and 1 < columns * rows <= MAX_TILES:
                return f"{columns}x{rows}"
            raise ValueError(f"are from 2 to {MAX_TILES} in all; give fewer columns or rows, such as 4x2")
        if side := _SIDE.fullmatch(text):
            if MIN_TILE_PX <= int(side[1]) <= MAX_TILE_PX:
                return f"{int(side[1])}px"
            raise ValueError(f"have a side from {MIN_TILE_PX}px to {MAX_TILE_PX}px")
        raise ValueError("give auto, off, COLSxROWS such as 4x2, or the side of a tile such as 960px")

    @property
    def is_on(self) -> bool:
        """Whether any picture may be shown in tiles."""
        return self.tiles != "off"

    @property
    def grid(self) -> Grid | None:
        """The number of tiles that is set; ``None`` where it is not."""
        grid = _GRID.fullmatch(self.tiles)
        return Grid(int(grid[1]), int(grid[2])) if grid else None

    @property
    def side_px(self) -> int | None:
        """The side of a tile that is set; ``None`` where it is not."""
        side = _SIDE.fullmatch(self.tiles)
        return int(side[1]) if side else None


NO_SLICES = SlicesConfig()
"""Pictures are shown whole."""
