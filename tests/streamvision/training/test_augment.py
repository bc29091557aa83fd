"""Augmented pictures keep their boxes on their objects."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torchvision")

from streamvision.training.augment import Sample, affine, augment, cut_mix, fit, flip, mix_up, mosaic, rand_augment
from streamvision.training.recipe import AUGMENTATIONS, Augmentation


def disc_sample(*, width: int = 160, height: int = 120, box: tuple[int, int, int, int] = (40, 30, 90, 80)) -> Sample:
    """A white rectangle on black, exactly where its box says."""
    image = np.zeros((height, width, 3), np.uint8)
    image[box[1] : box[3], box[0] : box[2]] = 255
    return Sample(image, np.array([box], np.float32), np.array([1], np.int64))


def white_extent(image: np.ndarray) -> tuple[int, int, int, int]:
    """Return the box around all bright pixels."""
    rows, columns = np.nonzero(image.min(axis=2) > 200)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize("seed", range(5))
def test_boxes_follow_shift_and_scale(seed: int) -> None:
    settings = Augmentation(translate=0.1, scale=0.3)
    moved = affine(disc_sample(), settings, np.random.default_rng(seed))
    np.testing.assert_allclose(moved.box_xyxy_px[0], white_extent(moved.image), atol=1.5)


@pytest.mark.parametrize("seed", range(3))
def test_boxes_contain_what_was_rotated_and_tilted(seed: int) -> None:
    settings = Augmentation(rotate_deg=15, perspective=0.0003)
    moved = affine(disc_sample(), settings, np.random.default_rng(seed))
    left, top, right, bottom = white_extent(moved.image)
    box = moved.box_xyxy_px[0]
    assert box[0] <= left + 1.5
    assert box[1] <= top + 1.5
    assert box[2] >= right - 1.5
    assert box[3] >= bottom - 1.5


def test_a_flip_mirrors_boxes() -> None:
    mirrored = flip(disc_sample())
    np.testing.assert_allclose(mirrored.box_xyxy_px[0], white_extent(mirrored.image))
    np.testing.assert_allclose(flip(mirrored).box_xyxy_px, disc_sample().box_xyxy_px)


def test_fit_scales_the_longer_side() -> None:
    fitted = fit(disc_sample(), side_px=320)
    assert fitted.image.shape == (240, 320, 3)
    np.testing.assert_allclose(fitted.box_xyxy_px[0], white_extent(fitted.image), atol=1)


def test_a_mosaic_holds_the_boxes_that_are_still_to_be_seen() -> None:
    result = mosaic([disc_sample()] * 4, side_px=200, rng=np.random.default_rng(3))
    assert result.image.shape == (200, 200, 3)
    assert 1 <= len(result.class_id) <= 4
    for left, top, right, bottom in result.box_xyxy_px.round().astype(int):
        assert result.image[top + 1 : bottom - 1, left + 1 : right - 1].mean() > 240


def test_mixup_keeps_the_boxes_of_both() -> None:
    other = disc_sample(box=(100, 60, 130, 110))
    mixed = mix_up(disc_sample(), other, np.random.default_rng(0))
    assert len(mixed.class_id) == 2


def test_cutmix_drops_what_is_covered() -> None:
    other = Sample(np.zeros((120, 160, 3), np.uint8), np.empty((0, 4), np.float32), np.empty(0, np.int64))
    for seed in range(20):
        mixed = cut_mix(disc_sample(), other, np.random.default_rng(seed))
        left, top, right, bottom = disc_sample().box_xyxy_px[0].astype(int)
        visible = (mixed.image[top:bottom, left:right] > 0).mean()
        assert len(mixed.class_id) == (visible > 0.25), seed


def test_randaugment_changes_pictures_and_repeats_itself() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    once = rand_augment(image, operations=3, rng=np.random.default_rng(5))
    again = rand_augment(image, operations=3, rng=np.random.default_rng(5))
    assert once.shape == image.shape
    assert once.dtype == np.uint8
    assert (once != image).any()
    np.testing.assert_array_equal(once, again)


def test_randaugment_leaves_everything_in_its_place() -> None:
    sample = disc_sample()
    grey = Sample((sample.image // 2 + 60).astype(np.uint8), sample.box_xyxy_px, sample.class_id)
    left, top, right, bottom = sample.box_xyxy_px[0].astype(int)
    for seed in range(40):
        image = rand_augment(grey.image, operations=2, rng=np.random.default_rng(seed)).astype(int)
        inside, outside = image[top + 2 : bottom - 2, left + 2 : right - 2], image[: top - 2]
        assert np.ptp(inside) == 0, seed
        assert np.ptp(outside) == 0, seed


@pytest.mark.parametrize("preset", AUGMENTATIONS)
@pytest.mark.parametrize("seed", range(4))
def test_presets_give_valid_samples(preset: str, seed: int) -> None:
    result = augment(
        0,
        lambda _: disc_sample(),
        count=4,
        side_px=128,
        settings=AUGMENTATIONS[preset],
        mixing=True,
        rng=np.random.default_rng(seed),
    )
    height, width = result.image.shape[:2]
    assert max(height, width) == 128
    assert len(result.box_xyxy_px) == len(result.class_id)
    assert (result.box_xyxy_px >= 0).all()
    assert (result.box_xyxy_px <= [width, height, width, height]).all()


def test_plain_changes_nothing_but_the_size() -> None:
    result = augment(
        0,
        lambda _: disc_sample(),
        count=1,
        side_px=160,
        settings=AUGMENTATIONS["plain"],
        mixing=True,
        rng=np.random.default_rng(0),
    )
    np.testing.assert_array_equal(result.image, disc_sample().image)
    np.testing.assert_array_equal(result.box_xyxy_px, disc_sample().box_xyxy_px)
