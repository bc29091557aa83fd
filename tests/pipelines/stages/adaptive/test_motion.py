"""Changes are seen where they are; noise, light and what was looked at are none."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.stages.adaptive.motion import MotionGrid, box_of
from streamvision.core.picture import BgrPicture
from streamvision.core.resampling import Window
from support.moving_square import HEIGHT_PX, SQUARE_PX, WIDTH_PX, scene

PICTURE_PX = (WIDTH_PX, HEIGHT_PX)


@pytest.fixture
def grid() -> MotionGrid:
    """A grid that has seen the empty scene."""
    grid = MotionGrid()
    grid.changed(scene())
    grid.accept(scene())
    return grid


def test_everything_is_new_at_first() -> None:
    assert MotionGrid().changed(scene()).all()


def test_what_comes_is_marked_where_it_is(grid: MotionGrid) -> None:
    box = box_of(grid.changed(scene((300, 120))), picture_px=PICTURE_PX)
    assert box is not None
    assert np.abs(box - [300, 120, 300 + SQUARE_PX, 120 + SQUARE_PX]).max() < 8


@pytest.mark.parametrize(("noise", "brighter"), [(0, 0), (12, 0), (0, 20), (12, -15)])
def test_noise_and_light_are_no_change(grid: MotionGrid, noise: int, brighter: int) -> None:
    assert not grid.changed(scene(noise=noise, brighter=brighter)).any()


def test_under_noise_and_other_light_a_square_is_still_seen(grid: MotionGrid) -> None:
    box = box_of(grid.changed(scene((300, 120), noise=12, brighter=20)), picture_px=PICTURE_PX)
    assert box is not None
    assert np.abs(box - [300, 120, 300 + SQUARE_PX, 120 + SQUARE_PX]).max() < 12


def test_what_creeps_adds_up_until_it_shows(grid: MotionGrid) -> None:
    grid.changed(scene((300, 120)))
    grid.accept(scene((300, 120)))
    changed = [bool(grid.changed(scene((300 + step, 120))).any()) for step in range(1, 6)]
    assert changed[-1]


def test_only_what_was_looked_at_is_old_news(grid: MotionGrid) -> None:
    picture = scene((300, 120))
    grid.changed(picture)
    grid.accept(picture, Window(0, 0, 200, 360))
    assert grid.changed(picture).any()
    grid.accept(picture, Window(280, 100, 380, 200))
    assert not grid.changed(picture).any()


def test_what_was_never_looked_at_stays_new() -> None:
    grid = MotionGrid()
    assert grid.changed(scene()).all()
    assert grid.changed(scene((300, 120))).all()


def test_a_picture_in_bgr_and_one_of_another_size(grid: MotionGrid) -> None:
    assert not grid.changed(BgrPicture(scene().to_bgr())).any()
    assert grid.changed(BgrPicture(np.zeros((480, 640, 3), np.uint8))).all()


def test_without_a_change_there_is_no_box() -> None:
    assert box_of(np.zeros((54, 96), np.bool_), picture_px=PICTURE_PX) is None
