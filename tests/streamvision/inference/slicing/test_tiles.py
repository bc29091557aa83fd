"""Into which tiles a picture is cut, by its size and the network's input."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from streamvision.core.config.slices import MAX_TILES, SlicesConfig
from streamvision.core.errors import ConfigError
from streamvision.core.inference_plan import FULL
from streamvision.core.resampling import Window
from streamvision.inference.slicing.tiles import SLICED_FROM, TILE_PER_INPUT, Tiling, tiling_of
from support.model_cards import make_card


def tiles(width_px: int, height_px: int, *, side_px: int = 640, **config: Any) -> tuple[Window, ...]:
    card = make_card("yolo_v8").with_input(width_px=side_px, height_px=side_px)
    return Tiling(SlicesConfig(**config), card).of(width_px, height_px)


@pytest.mark.parametrize("size", [(3840, 2160), (2160, 3840), (4001, 3001), (1921, 1081), (8191, 700)])
@pytest.mark.parametrize("how", ["auto", "4x2", "3x3", "700px"])
@pytest.mark.parametrize("overlap", [0.0, 0.2, 0.5])
def test_tiles_cover_the_picture_in_one_size_and_overlap(size: tuple[int, int], how: str, overlap: float) -> None:
    cut = tiles(*size, side_px=416, tiles=how, overlap=overlap)
    assert 1 < len(cut) <= MAX_TILES
    assert len({(right - left, bottom - top) for left, top, right, bottom in cut}) == 1
    assert all(left % 2 == 0 and top % 2 == 0 and left >= 0 and top >= 0 for left, top, *_ in cut)
    for axis, length in enumerate(size):
        spans = sorted({(one[axis], one[axis + 2]) for one in cut})
        assert spans[0][0] == 0 and spans[-1][1] == length
        side = spans[0][1] - spans[0][0]
        shared = [before[1] - after[0] for before, after in pairwise(spans)]
        assert all(one >= overlap * side - 3 for one in shared), "to even pixels"


def test_auto_cuts_what_is_much_larger_than_the_input() -> None:
    assert len(tiles(3840, 2160, tiles="auto")) == 8
    assert tiles(1280, 720, tiles="auto") == ()
    assert tiles(int(640 * SLICED_FROM) - 1, 900, tiles="auto") == ()
    assert len(tiles(int(640 * SLICED_FROM), 900, tiles="auto")) == 2
    widest = max(right - left for left, _, right, _ in tiles(3840, 2160, tiles="auto"))
    assert widest <= 640 * TILE_PER_INPUT
    assert len(tiles(100_000, 100_000, tiles="auto")) <= MAX_TILES, "tiles grow instead"


def test_a_picture_no_larger_than_a_tile_is_shown_whole() -> None:
    assert tiles(640, 480, tiles="960px") == ()
    assert len(tiles(640, 480, tiles="2x1")) == 2, "but where it is said how often it is cut"


def test_the_plan_has_the_tiles_and_how_they_are_merged() -> None:
    tiling = Tiling(SlicesConfig(tiles="2x1"), make_card("yolo_v8"))
    plan = tiling.plan_of(400, 200)
    assert plan.windows == (None, *tiling.of(400, 200)) and plan.slices is tiling.config
    assert Tiling(SlicesConfig(tiles="auto"), make_card("yolo_v8")).plan_of(64, 64) is FULL


def test_what_is_said_of_a_whole_picture_is_refused() -> None:
    card = make_card("yolo_v8").model_copy(update={"task": "classify"})
    with pytest.raises(ConfigError, match="slices is auto, but the model is for classify"):
        tiling_of(SlicesConfig(tiles="auto"), card)
    assert tiling_of(SlicesConfig(), card) is None


@pytest.mark.parametrize("given", ["4", "0x3", "1x1", "9x9", "-2x1", "x", "2x", "10px", "99999px", "", "on", "4x2x1"])
def test_what_is_no_way_of_cutting_is_refused(given: str) -> None:
    with pytest.raises(ValidationError):
        SlicesConfig(tiles=given)


def test_yaml_reads_off_as_a_word() -> None:
    assert SlicesConfig.model_validate({"tiles": False}) == SlicesConfig()
    assert SlicesConfig(tiles=" AUTO ").tiles == "auto"


def test_numbers_of_pictures_of_any_size_are_bounded() -> None:
    tiling = Tiling(SlicesConfig(tiles="auto"), make_card("yolo_v8"))
    for side_px in np.random.default_rng(0).integers(1, 9000, (200, 2)).tolist():
        tiling.plan_of(*side_px)
    assert tiling.plan_of.cache_info().currsize <= 64


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (7, 5), (201, 3)])
@pytest.mark.parametrize("how", ["8x8", "2x1", "1x64"])
@pytest.mark.parametrize("overlap", [0.0, 0.2, 0.5])
def test_a_tiny_picture_is_shown_in_no_tile_twice(size: tuple[int, int], how: str, overlap: float) -> None:
    cut = tiles(*size, tiles=how, overlap=overlap)
    assert len(set(cut)) == len(cut)
    assert Window(0, 0, *size) not in cut, "it is shown whole anyway"
    if cut:
        assert cut[0][:2] == (0, 0) and cut[-1][2:] == size
        assert all(
            right - left >= min(2, size[0]) and bottom - top >= min(2, size[1]) for left, top, right, bottom in cut
        )
