"""Inputs of classifiers equal those of torchvision's and ultralytics' transforms."""

import cv2
import numpy as np
import pytest

from streamvision.core.picture import BgrPicture, YuvPicture
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import InputCard
from streamvision.inference.preprocess import InputBatch

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZES = [(640, 480), (480, 640), (500, 333), (333, 500), (1920, 1080), (101, 37), (225, 224), (224, 224), (60, 300)]


def picture_of(width_px, height_px, seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (height_px // 3 + 1, width_px // 3 + 1, 3), np.uint8)
    return BgrPicture(np.ascontiguousarray(cv2.resize(noise, (width_px, height_px))))


def card_of(*, crop=224, short=256, **more):
    return InputCard(
        width_px=crop, height_px=crop, resize="crop_center", crop_short_side_px=short, mean=MEAN, std=STD, **more
    )


def torchvision_input(picture, crop, short, interpolation="bilinear"):
    pillow = pytest.importorskip("PIL.Image")
    transforms = pytest.importorskip("torchvision.transforms.functional")
    rgb = pillow.fromarray(picture.bgr[..., ::-1])
    mode = transforms.InterpolationMode(interpolation)
    small = transforms.center_crop(transforms.resize(rgb, [short], mode, antialias=True), [crop])
    tensor = transforms.convert_image_dtype(transforms.pil_to_tensor(small))
    return transforms.normalize(tensor, MEAN, STD).numpy()


@pytest.mark.reference
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("crop", "short"), [(224, 256), (224, 224)])
def test_it_equals_torchvision(size, crop, short):
    picture = picture_of(*size)
    batch = InputBatch(card_of(crop=crop, short=short), 1)
    batch.put(0, picture)
    np.testing.assert_array_equal(batch.tensor[0], torchvision_input(picture, crop, short))


@pytest.mark.reference
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("crop", "short"), [(224, 232), (224, 224)])
def test_bicubic_equals_torchvision(size, crop, short):
    picture = picture_of(*size)
    batch = InputBatch(card_of(crop=crop, short=short, sampling="bicubic"), 1)
    batch.put(0, picture)
    np.testing.assert_array_equal(batch.tensor[0], torchvision_input(picture, crop, short, "bicubic"))


def test_bicubic_overshoots_at_edges_and_stays_within_the_levels():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 32:] = 200
    card = InputCard(width_px=128, height_px=128, resize="stretch", sampling="bicubic", scale=1)
    batch = InputBatch(card, 1)
    batch.put(0, BgrPicture(picture))
    row = batch.tensor[0, 0, 64]
    assert row.max() > 200 and row[:60].max() == 0 and row.min() == 0
    batch.put(0, BgrPicture(np.where(picture > 0, np.uint8(255), np.uint8(0))))
    assert batch.tensor[0, 0, 64].max() == 255


def test_a_crop_wider_than_the_resized_picture_has_a_black_border():
    batch = InputBatch(card_of(crop=224, short=100), 1)
    batch.put(0, BgrPicture(np.full((200, 400, 3), 255, np.uint8)))
    levels = batch.tensor[0] * np.array(STD)[:, None, None] + np.array(MEAN)[:, None, None]
    np.testing.assert_allclose(levels[:, [0, 61, 62, 161, 162], 100], [[0, 0, 1, 1, 0]] * 3, atol=1e-6)


def test_yuv_comes_out_as_its_bgr_twin_does():
    picture = BgrPicture(cv2.GaussianBlur(picture_of(640, 360).bgr, (0, 0), 8))
    canvas = picture.to_canvas()
    batch = InputBatch(card_of(), 2)
    batch.put(0, picture)
    batch.put(1, YuvPicture(canvas.y, canvas.u, canvas.v, full_range=True))
    assert np.abs(batch.tensor[0] - batch.tensor[1]).max() < 5 / 255 / min(STD)


@pytest.mark.parametrize("color", ["rgb", "bgr"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_layouts_and_precisions_hold_the_same_values(color, dtype):
    picture = picture_of(300, 200)
    planar = InputBatch(card_of(color=color), 1)
    packed = InputBatch(card_of(color=color, layout="nhwc", dtype=dtype), 1)
    planar.put(0, picture)
    packed.put(0, picture)
    assert packed.tensor.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(packed.tensor.transpose(0, 3, 1, 2), planar.tensor.astype(dtype))


@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_mean_and_std_belong_to_channels_in_the_order_of_the_colours(color):
    batch = InputBatch(InputCard(width_px=64, height_px=64, color=color, mean=MEAN, std=STD), 1)
    batch.put(0, BgrPicture(np.full((32, 64, 3), (10, 100, 200), np.uint8)))
    levels = np.float32([200, 100, 10] if color == "rgb" else [10, 100, 200]) / np.float32(255)
    np.testing.assert_array_equal(batch.tensor[0, :, 32, 32], (levels - np.float32(MEAN)) / np.float32(STD))
    np.testing.assert_array_equal(
        batch.tensor[0, :, 0, 0], (np.float32(114 / 255) - np.float32(MEAN)) / np.float32(STD)
    )


def test_places_lead_back_to_the_picture():
    place = Letterbox.fit(640, 480, card_of())
    assert (place.content_width_px, place.content_height_px, place.left_px, place.top_px) == (341, 256, -58, -16)
    middle = place.points_to_picture(np.array([[112, 112]], np.float32))
    np.testing.assert_allclose(middle, [[320, 240]], atol=1.5)
