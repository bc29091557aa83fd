"""Which tiles the network is shown, by what has changed and what is known."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.stages.adaptive.memory import Memory
from pipelines.stages.adaptive.tiles import plan_tiles, regions_of, seen_whole
from streamvision.core.config.slices import SlicesConfig
from streamvision.core.detections import Detections
from streamvision.core.inference_plan import InferencePlan
from streamvision.inference.model import Prediction
from streamvision.inference.slicing.tiles import Tiling
from support.model_cards import make_card

PICTURE_PX = (3840, 2160)
CELLS = (54, 96)
CELL_PX = 40
FULL = Tiling(SlicesConfig(tiles="4x2"), make_card("yolo_v8")).plan_of(*PICTURE_PX)
NOTHING = np.empty((0, 4), np.float32)


def changed(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    """Return which cells have changed: those in boxes of pixels."""
    cells = np.zeros(CELLS, np.bool_)
    for left, top, right, bottom in boxes:
        cells[top // CELL_PX : -(-bottom // CELL_PX), left // CELL_PX : -(-right // CELL_PX)] = True
    return cells


def plan(*boxes: tuple[int, int, int, int], known: list[list[float]] | None = None) -> InferencePlan:
    regions = regions_of(changed(*boxes), np.array(known or NOTHING, np.float32), picture_px=PICTURE_PX)
    return plan_tiles(regions, FULL)


def holds(one: InferencePlan, box: tuple[float, ...]) -> bool:
    return bool(seen_whole(np.array([box]), one.tiles, margin=0.0)[0])


def test_each_place_that_changes_has_a_tile_that_shows_it_whole() -> None:
    here, there = (200, 200, 280, 280), (3400, 1800, 3500, 1900)
    both = plan(here, there)
    assert both.kind == "partial" and len(both.tiles) == 2 and both.slices is FULL.slices
    assert holds(both, here) and holds(both, there)
    assert set(both.tiles) <= set(FULL.tiles)


def test_one_tile_is_enough_for_what_it_shows_together() -> None:
    assert len(plan((200, 200, 280, 280), (600, 200, 680, 280)).tiles) == 1
    seam = FULL.tiles[1].left + 20
    assert len(plan((seam + 40, 200, seam + 80, 240)).tiles) == 1, "where two overlap, either does"


def test_what_fits_no_tile_is_shown_in_full() -> None:
    assert plan((100, 100, 3000, 1800)) is FULL
    known = [[900.0, 300.0, 2900.0, 1500.0]]
    assert plan((900, 300, 2900, 700), known=known) is FULL, "a large object that moves"
    assert plan((1000, 400, 1080, 480), known=known).kind == "partial", "before one that stands"


def test_an_object_that_moves_is_shown_whole() -> None:
    car = (1000, 800, 1300, 1000)
    assert holds(plan((1200, 800, 1300, 1000), known=[list(car)]), car)


def test_many_places_are_a_full_picture() -> None:
    assert plan(*[(x, y, x + 40, y + 40) for x in range(200, 3800, 450) for y in (200, 1900)]) is FULL


def test_what_stands_across_the_edge_of_a_tile_stays_as_it_is_known() -> None:
    tile = FULL.tiles[0]
    across = [tile.right - 60.0, 100.0, tile.right + 200.0, 300.0]
    inside = [300.0, 300.0, 360.0, 360.0]
    memory = Memory(sure_score=0.25)
    shown(memory, FULL, across, inside)
    part = InferencePlan("partial", tiles=(tile,), slices=FULL.slices)
    fragment = [tile.right - 60.0, 100.0, float(tile.right), 300.0]
    moved = [320.0, 300.0, 380.0, 360.0]
    assert shown(memory, part, fragment, moved) == sorted([across, moved])
    assert shown(memory, part) == [across], "what is gone within the tile is gone"


def shown(memory: Memory, plan: InferencePlan, *boxes: list[float]) -> list[list[float]]:
    """Let the memory take what was found; return what is known then."""
    count = len(boxes)
    found = Detections(
        np.array(boxes, np.float32).reshape(-1, 4), np.full(count, 0.9, np.float32), np.zeros(count, np.int32)
    )
    known = memory.update(plan, Prediction(found, None))
    memory.keep(known.detections, None)
    return sorted(known.detections.box_xyxy_px.tolist())


def test_a_plan_says_what_it_shows() -> None:
    with pytest.raises(ValueError, match="how to merge"):
        InferencePlan("partial", tiles=FULL.tiles)
    with pytest.raises(ValueError, match="partial"):
        InferencePlan("partial")
