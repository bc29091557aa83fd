"""A real network that finds bright cells is shown a picture in tiles, by one thread or by several."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from streamvision.core.config.model import ModelConfig
from streamvision.core.config.slices import SlicesConfig
from streamvision.core.errors import ModelError
from streamvision.core.inference_plan import FULL, InferencePlan
from streamvision.core.picture import BgrPicture
from streamvision.inference.model import Model
from streamvision.inference.slicing.planned import find_planned, find_sliced
from streamvision.inference.slicing.tiles import Tiling
from support.fixed_networks import SIDE_PX, bright_cell_detector

PICTURE_PX = 4 * SIDE_PX
"""A cell of the network is 32 px of the whole picture, and 8 px of a tile of 4x4."""
GRID = SlicesConfig(tiles="4x4", overlap=0.0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    path = bright_cell_detector(tmp_path_factory.mktemp("slices") / "cells.onnx")
    with Model.open(ModelConfig(path=path, score=0.5, requests=2)) as opened:
        yield opened


def picture(*places: tuple[int, int], side_px: int = 8) -> BgrPicture:
    bgr = np.zeros((PICTURE_PX, PICTURE_PX, 3), np.uint8)
    for x, y in places:
        bgr[y : y + side_px, x : x + side_px] = 255
    return BgrPicture(bgr)


def boxes(found: object) -> list[list[int]]:
    return sorted(np.round(found.detections.box_xyxy_px).astype(int).tolist())  # type: ignore[attr-defined]


SMALL = picture((8, 16), (200, 136))
AT = [[8, 16, 16, 24], [200, 136, 208, 144]]


def test_small_objects_are_found_in_tiles_alone(model: Model) -> None:
    assert boxes(model.find([SMALL])[0]) == []
    (found,) = find_sliced(model, [SMALL], Tiling(GRID, model.card))
    assert boxes(found) == AT
    assert find_sliced(model, [SMALL], None)[0].detections.score.size == 0


def test_pictures_with_and_without_tiles_share_a_call(model: Model) -> None:
    plan = Tiling(GRID, model.card).plan_of(PICTURE_PX, PICTURE_PX)
    part = InferencePlan("partial", tiles=plan.tiles[:1], slices=GRID)
    whole, tiled, partly = find_planned(model, [SMALL] * 3, [FULL, plan, part])
    assert boxes(whole) == [] and boxes(tiled) == AT and boxes(partly) == AT[:1]


def test_the_best_of_the_picture_are_kept(model: Model) -> None:
    many = picture(*[(x, y) for x in range(0, PICTURE_PX, 16) for y in range(0, PICTURE_PX, 16)])
    (found,) = find_sliced(model, [many], Tiling(GRID, model.card))
    assert len(found.detections) == 256
    limited = Model(model.backend, model.card, ModelConfig(path=Path("cells.onnx"), score=0.5, max_detections=7))
    assert len(find_sliced(limited, [many], Tiling(GRID, model.card))[0].detections) == 7


class Permits:
    """So many calls may go on beside the first; counts how many did at the most."""

    def __init__(self, count: int) -> None:
        self._free = threading.BoundedSemaphore(count)
        self.threads: set[int] = set()

    def __call__(self) -> object:
        return self._held() if self._free.acquire(blocking=False) else None

    @contextmanager
    def _held(self) -> Iterator[None]:
        try:
            self.threads.add(threading.get_ident())
            yield
        finally:
            self._free.release()


def test_calls_that_are_free_go_on_beside(model: Model) -> None:
    permits = Permits(1)
    plan = Tiling(GRID, model.card).plan_of(PICTURE_PX, PICTURE_PX)
    limits = [model.limits]
    (alone,) = find_planned(model, [SMALL], [plan], limits=limits)
    (shared,) = find_planned(model, [SMALL], [plan], limits=limits, spare=permits)  # type: ignore[arg-type]
    assert boxes(shared) == boxes(alone) == AT
    assert permits.threads and threading.get_ident() not in permits.threads
    assert permits() is not None, "all are given back"


def test_what_fails_in_another_thread_reaches_who_asked(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    own, permits = threading.get_ident(), Permits(1)
    find, failed = model.find, threading.Event()

    def failing(*given: object, **more: object) -> object:
        if threading.get_ident() != own:
            failed.set()
            raise ModelError("the device is gone")
        failed.wait(60)
        return find(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(model, "find", failing)
    plan = Tiling(GRID, model.card).plan_of(PICTURE_PX, PICTURE_PX)
    with pytest.raises(ModelError, match="the device is gone"):
        find_planned(model, [SMALL], [plan], spare=permits)  # type: ignore[arg-type]
    assert permits() is not None
