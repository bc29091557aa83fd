"""Masks, keypoints and oriented boxes as they are drawn."""

import time

import numpy as np
import pytest

from pipelines.rendering.overlay import Overlay
from pipelines.rendering.palette import color_of
from pipelines.rendering.shapes import corners_of
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.masks import BoxMask
from streamvision.core.picture import YuvPicture

NAMES = ("person", "car")
BOXES_ONLY = OverlayConfig(labels=False, trails_s=0, status=False)
WIDTH, HEIGHT = 320, 180


def draw(boxes, *, config=BOXES_ONLY, skeleton=(), width=WIDTH, height=HEIGHT, **more):
    half = ((height + 1) // 2, (width + 1) // 2)
    picture = YuvPicture(
        np.full((height, width), 60, np.uint8), np.full(half, 128, np.uint8), np.full(half, 128, np.uint8), True
    )
    count = len(boxes)
    found = Detections(np.array(boxes, np.float32), np.full(count, 0.9, np.float32), np.ones(count, np.int32), **more)
    result = Result(Frame("gate", 0, 0.0, time.monotonic(), picture), found)
    return Overlay(config, NAMES, skeleton=skeleton).plan(result, fps=25).draw()


def masks(*all_masks):
    array = np.empty(len(all_masks), object)
    array[:] = all_masks
    return array


def test_a_mask_is_tinted_and_the_rest_of_its_box_is_not():
    bits = np.zeros((60, 80), bool)
    bits[20:40, 20:60] = True
    canvas = draw([[101, 51, 181, 111]], mask=masks(BoxMask(101, 51, bits)))
    color = color_of(1)
    inside, beside = canvas.y[75, 140], canvas.y[60, 110]
    assert inside == pytest.approx(60 * 0.55 + color.y * 0.45, abs=2) and beside == 60
    assert canvas.u[37, 70] == pytest.approx(128 * 0.55 + color.u * 0.45, abs=2)
    assert canvas.u[30, 55] == 128


@pytest.mark.parametrize(("left", "top"), [(-10, -8), (300, 170), (319, 179), (400, 20), (11, 13)])
@pytest.mark.parametrize(("width", "height"), [(320, 180), (321, 181)])
def test_masks_at_the_border_are_cut(left, top, width, height):
    bits = np.ones((20, 40), bool)
    canvas = draw([[10, 10, 50, 50]], mask=masks(BoxMask(left, top, bits)), width=width, height=height)
    plain = draw([[10, 10, 50, 50]], width=width, height=height)
    rows, columns = np.nonzero(canvas.y != plain.y)
    assert (rows >= top).all() and (columns >= left).all() and (rows < top + 20).all() and (columns < left + 40).all()
    assert (len(rows) > 0) == (left < width)


def test_no_boxes_wanted_no_masks_drawn():
    config = OverlayConfig(boxes=False, labels=False, trails_s=0, status=False)
    canvas = draw([[10, 10, 50, 50]], mask=masks(BoxMask(10, 10, np.ones((40, 40), bool))), config=config)
    assert (canvas.y == 60).all()


def test_limbs_are_drawn_between_keypoints_that_are_sure():
    points = np.array([[[100, 60], [160, 60], [160, 120]]], np.float32)
    skeleton = ((0, 1), (1, 2), (2, 7))  # a pair that this object has not is passed over
    sure = draw(
        [[80, 40, 200, 150]], keypoint_xy_px=points, keypoint_score=np.float32([[0.9, 0.9, 0.9]]), skeleton=skeleton
    )
    unsure = draw(
        [[80, 40, 200, 150]], keypoint_xy_px=points, keypoint_score=np.float32([[0.9, 0.9, 0.1]]), skeleton=skeleton
    )
    assert sure.y[60, 130] != 60 and sure.y[90, 160] != 60
    assert unsure.y[60, 130] != 60 and unsure.y[90, 160] == 60 and unsure.y[120, 160] == 60


def test_keypoints_that_are_no_numbers_or_far_away_do_no_harm():
    points = np.array([[[np.nan, 60], [1e7, -1e7], [160, 120]]], np.float32)
    canvas = draw([[80, 40, 200, 150]], keypoint_xy_px=points, keypoint_score=np.ones((1, 3), np.float32))
    assert canvas.y[120, 160] != 60


def test_an_oriented_box_is_drawn_in_place_of_the_upright_one():
    turned = np.array([[160, 90, 100, 40, np.pi / 4]], np.float32)
    canvas = draw([[110, 40, 210, 140]], obb_cxcywhr_px=turned)
    for x, y in corners_of(turned)[0].round().astype(int).tolist():
        assert (canvas.y[y - 2 : y + 3, x - 2 : x + 3] != 60).any()
    assert (canvas.y[40:45, 110:130] == 60).all()


def test_corners_turn_clockwise_on_the_picture():
    (corners,) = corners_of(np.array([[0, 0, 4, 2, np.pi / 2]], np.float32))
    np.testing.assert_allclose(corners, [[1, -2], [1, 2], [-1, 2], [-1, -2]], atol=1e-6)
