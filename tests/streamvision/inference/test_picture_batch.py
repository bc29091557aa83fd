"""Whole pictures are copied as they are, whatever their source lays them out like."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streamvision.core.picture import BgrPicture, Picture, YuvPicture, yuv_to_rgb
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import InputCard
from streamvision.inference.picture_batch import PictureBatch
from streamvision.inference.tensors import YUV_TO_RGB


def batch_for(picture: Picture, pixel_format: str, capacity: int = 1) -> PictureBatch:
    card = InputCard(width_px=96, height_px=64, pixel_format=pixel_format)
    return PictureBatch(card, capacity, width_px=picture.width_px, height_px=picture.height_px)


def random(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, shape, np.uint8)


def padded(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the plane with rows that are longer in memory than they are wide, as decoders have them."""
    wide = np.zeros((plane.shape[0], plane.shape[1] + 9), np.uint8)
    wide[:, : plane.shape[1]] = plane
    return wide[:, : plane.shape[1]]


def split(tensor: NDArray[np.uint8], width_px: int, height_px: int) -> list[NDArray[np.uint8]]:
    flat, area = tensor.reshape(-1), width_px * height_px
    halves = flat[area:].reshape(2, height_px // 2, width_px // 2)
    return [flat[:area].reshape(height_px, width_px), *halves]


def test_bytes_are_the_pictures_own() -> None:
    bgr = random(37, 51, 3)
    batch = batch_for(BgrPicture(bgr), "bgr24")
    letterbox = batch.put(0, BgrPicture(bgr))
    assert np.array_equal(batch.tensor[0], bgr)
    assert letterbox == Letterbox.fit(51, 37, InputCard(width_px=96, height_px=64))
    assert not batch.companions(1)


@pytest.mark.parametrize("colours", [{"full_range": True}, {"matrix": "bt709"}])
def test_planes_stand_one_after_another_with_their_colours_beside(colours: dict[str, Any]) -> None:
    y, u, v = padded(random(36, 52)), padded(random(18, 26)), padded(random(18, 26)[::-1])
    picture = YuvPicture(y, u, v, **colours)
    batch = batch_for(picture, "yuv420p", capacity=2)
    batch.put(1, picture)
    assert batch.tensor.shape == (2, 54, 52, 1)
    for made, plane in zip(split(batch.tensor[1], 52, 36), (y, u, v), strict=True):
        assert np.array_equal(made, plane)
    matrix = yuv_to_rgb(picture.full_range, picture.matrix)
    assert np.array_equal(batch.companions(2)[YUV_TO_RGB][1].reshape(3, 4), matrix)


@pytest.mark.parametrize(("width_px", "height_px"), [(51, 37), (52, 37), (51, 36), (1, 1)])
def test_of_odd_sides_the_last_line_stands_there_twice(width_px: int, height_px: int) -> None:
    half = -(-height_px // 2), -(-width_px // 2)
    picture = YuvPicture(random(height_px, width_px), random(*half), random(*half)[::-1])
    batch = batch_for(picture, "yuv420p")
    letterbox = batch.put(0, picture)
    even = width_px + width_px % 2, height_px + height_px % 2
    luma, u, v = split(batch.tensor[0], *even)
    assert np.array_equal(luma[:height_px, :width_px], picture.y)
    assert np.array_equal(luma[height_px:], luma[height_px - 1 : height_px][: even[1] - height_px])
    assert np.array_equal(luma[:, width_px:], luma[:, width_px - 1 : width_px][:, : even[0] - width_px])
    assert np.array_equal(u, picture.u) and np.array_equal(v, picture.v)
    assert (letterbox.picture_width_px, letterbox.picture_height_px) == (width_px, height_px)


def test_pictures_in_bytes_are_converted_where_planes_are_asked_for() -> None:
    picture = BgrPicture(np.full((36, 52, 3), (30, 60, 200), np.uint8))
    batch = batch_for(picture, "yuv420p")
    batch.put(0, picture)
    y, u, v = (float(plane.mean()) for plane in split(batch.tensor[0], 52, 36))
    to_rgb = batch.companions(1)[YUV_TO_RGB].reshape(3, 4)
    assert to_rgb @ [y, u, v, 1] == pytest.approx([200, 60, 30], abs=2)


def test_a_picture_that_follows_another_leaves_nothing_of_it() -> None:
    first, second = (
        YuvPicture(random(37, 51), random(19, 26), random(19, 26)),
        BgrPicture(np.zeros((37, 51, 3), np.uint8)),
    )
    batch = batch_for(first, "yuv420p")
    batch.put(0, first)
    batch.put(0, second)
    luma, u, v = split(batch.tensor[0], 52, 38)
    assert (luma == 0).all() and (u == 128).all() and (v == 128).all()
